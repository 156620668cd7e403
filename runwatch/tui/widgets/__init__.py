"""Parts of a screen: each draws rows of cells from the scene."""
