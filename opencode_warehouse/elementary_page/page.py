"""The page itself: Elementary's own file, with the data of the report put into it."""

import base64
import json
import re
from html import escape
from importlib.resources import files
from typing import Any

from elementary.clients.dbt.base_dbt_runner import BaseDbtRunner
from elementary.monitor.api.report.report import ReportAPI
from elementary.utils import json_utils

TITLE = "Elementary: opencode-warehouse"
OFF_NOTICE = (
    "Anomaly monitors are off: Elementary's dbt package is not installed here. Models, tests, their results "
    "and the lineage below are from dbt's own records. To turn the monitors on, run "
    "DBT_PACKAGES_FOLDER=<folder with elementary/ and dbt_utils/> make setup, or make setup where the dbt "
    "hub can be reached; see docs/elementary.md."
)
# The page shall ask nobody for anything: neither fonts nor pictures, and it tells nobody that it was opened.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; worker-src blob:; connect-src 'none'; form-action 'none'"
)
# It asks for the account of Elementary's cloud service, which nobody has here.
_NO_REQUESTS = (
    "<script>XMLHttpRequest.prototype.send = function () "
    "{ setTimeout(() => this.dispatchEvent(new ProgressEvent('error'))); };</script>"
)
_LINK = re.compile(r"<link\b[^>]*>\s*")
_DATA = re.compile(r"<script>window\.elementaryData = JSON\.parse\(atob\('[A-Za-z0-9+/=]*'\)\);</script>")
_NOTICE_STYLE = (
    "position:sticky;top:0;z-index:9999;padding:8px 16px;background:#fff4ce;color:#3d2f00;"
    "border-bottom:1px solid #d9b300;font:14px/1.4 system-ui,sans-serif"
)


def report_data(runner: BaseDbtRunner, project_name: str, days: int) -> dict[str, Any]:
    """Return the data of the page, built by Elementary from what the runner answers; it raises what fails."""
    data, error = ReportAPI(runner).get_report_data(
        days_back=days,
        exclude_elementary_models=True,
        disable_samples=True,
        project_name=project_name,
        env="off",
        warehouse_type="duckdb",
    )
    if error is not None:
        raise error
    found: dict[str, Any] = json_utils.inf_and_nan_to_str(data.dict())
    return found


def page(data: dict[str, Any]) -> str:
    """Return the page as HTML, as `edr report` writes it, without the links to fonts on the web."""
    template = files("elementary.monitor.data_monitoring.report").joinpath("index.html").read_text("utf-8")
    encoded = base64.b64encode(json.dumps(data).encode()).decode()
    script = f"<script>window.elementaryData = JSON.parse(atob('{encoded}'));</script>"
    return private(script + template)


def private(html: str) -> str:
    """Return a page of Elementary's so that a browser loads nothing from elsewhere for it."""
    data = _DATA.match(html)
    if data is None:
        raise ValueError("this is not a page of Elementary's")
    template = html[data.end() :]
    head, separator, body = template.partition('<script type="module"')
    head = _LINK.sub("", head).replace("<title>Elementary Data</title>", f"<title>{escape(TITLE)}</title>")
    policy = f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}" />'
    head = head.replace("<head>", f"<head>\n    {policy}\n    {_NO_REQUESTS}\n    {data.group()}", 1)
    return head + separator + body


def with_notice(html: str, notice: str) -> str:
    """Return the page with a line at its top."""
    line = f'<div role="note" style="{_NOTICE_STYLE}">{escape(notice)}</div>'
    start, body, rest = html.rpartition("<body>")
    return f"{start}{body}\n    {line}{rest}"
