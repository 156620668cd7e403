"""`python -m runwatch`."""

from runwatch.cli.main import main

if __name__ == "__main__":
    main()
