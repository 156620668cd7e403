import pytest


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")


def pytest_collection_modifyitems(items):
    for item in items:
        if "tests/services" in item.path.as_posix():
            item.add_marker(pytest.mark.services)
