"""Programs of Prometheus, as Debian packages them: on the path, or in the directory $PROMETHEUS_BIN."""

import os
import shutil


def program(*names: str) -> str | None:
    place = os.environ.get("PROMETHEUS_BIN")
    path = os.pathsep.join(filter(None, (place, os.environ.get("PATH", ""))))
    return next((found for name in names if (found := shutil.which(name, path=path))), None)
