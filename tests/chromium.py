"""A real browser for tests: headless Chromium, asked through its driver."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.wait import WebDriverWait

REQUIRE = "DEPLOYTUNE_REQUIRE_BROWSER"
DRAWN_SECONDS = 60.0
"""Until which everything is drawn on a busy machine."""

# A pointer that can rest on things, which a headless browser has not by itself.
_POINTER = "primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4"
_OPTIONS = (
    "--headless=new",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    f"--blink-settings={_POINTER}",
)


@dataclass
class Browser:
    """One browser for many pages."""

    driver: webdriver.Chrome

    def open(self, page: Path, *, width: int = 1280, scheme: str = "light") -> None:
        """Open a file in a window of that width, and wait until its plots are drawn."""
        self._tell("Emulation.setDeviceMetricsOverride", **_metrics(width))
        self.prefer(scheme)
        self.driver.get_log("browser")  # what an earlier page said
        self.driver.get(page.as_uri())
        self.wait("document.documentElement.dataset.drawnAfterMs")

    def prefer(self, scheme: str) -> None:
        """Make the colours of the whole system light or dark."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._tell("Emulation.setEmulatedMedia", features=features)

    def ask(self, expression: str) -> Any:
        """Return the value of an expression in the page."""
        return self.driver.execute_script(f"return {expression}")

    def wait(self, expression: str) -> None:
        """Wait until an expression of the page is true."""
        WebDriverWait(self.driver, DRAWN_SECONDS, 0.05).until(lambda _: self.ask(expression))

    def errors(self) -> Sequence[str]:
        """Return what the page said on its console, which is to be nothing."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    @contextmanager
    def without(self, name: str) -> Iterator[None]:
        """Let new pages miss something that browsers have."""
        source = f"delete window.{name}"
        added = self._tell("Page.addScriptToEvaluateOnNewDocument", source=source)
        yield
        self._tell("Page.removeScriptToEvaluateOnNewDocument", **added)

    def _tell(self, command: str, **arguments: Any) -> dict[str, Any]:
        said: dict[str, Any] = self.driver.execute_cdp_cmd(command, arguments)
        return said


@contextmanager
def a_browser(profile: Path) -> Iterator[Browser]:
    """Start Chromium; skip, or fail where it is required, if it is not there."""
    driver, program = shutil.which("chromedriver"), shutil.which("chromium")
    if driver is None or program is None:
        lack = "no Chromium with its driver: apt-get install chromium chromium-driver"
        if os.environ.get(REQUIRE):
            pytest.fail(lack)
        pytest.skip(lack)
    options = webdriver.ChromeOptions()
    options.binary_location = program
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    root = ("--no-sandbox",) if os.getuid() == 0 else ()
    for option in (*_OPTIONS, *root, f"--user-data-dir={profile}"):
        options.add_argument(option)
    started = webdriver.Chrome(options=options, service=Service(driver))
    try:
        yield Browser(started)
    finally:
        started.quit()


def _metrics(width: int) -> dict[str, Any]:
    is_phone = width < 500
    return {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": is_phone}
