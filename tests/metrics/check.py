#!/usr/bin/env python3
"""Figures as Prometheus' own programs read them, and rules and dashboard as they ask for them.

    apt-get install prometheus prometheus-node-exporter
    pip install -r tests/metrics/requirements.txt
    cargo build && tests/metrics/check.py                # target/debug/wingmark, or the program that is named

All ways: the metrics file, which node_exporter reads, and /metrics in both of its formats. promtool
has to find no fault with any, nor has the strict reader of Prometheus' Python client with
OpenMetrics; all rules have to hold in promtool's tests. What rules and dashboard ask for has to be
among the figures, or among those of other machines. A Prometheus that scrapes the run answers the
question of each panel.
"""

import json
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path

from prometheus_client.openmetrics import parser as open_metrics

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.append(str(REPOSITORY / "tests/common"))
from live_run import LiveRun, free_port

SERVICE = REPOSITORY / "service/prometheus"
# Not every machine tells of these.
OF_SOME_MACHINES = {
    "wingmark_temperature_celsius", "wingmark_temperature_limit_celsius", "wingmark_cpu_frequency_hertz", "wingmark_throttled",
    "wingmark_throttled_since_boot",
}
SAMPLE = re.compile(r"(wingmark_\w+)(\{.*\})? (\S+)$")


def promtool(*arguments, text=None):
    done = subprocess.run(["promtool", *arguments], input=text, capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr.strip(), (arguments, done.stdout, done.stderr)
    return done.stdout


# What Prometheus 2.42 asks with.
SCRAPE = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5"


def fetch(address, accept="*/*", kind=None):
    request = urllib.request.Request(address, headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert kind is None or answer.headers["Content-Type"].startswith(kind), answer.headers
        return answer.read().decode()


def check_text(text):
    """promtool has nothing to say against it, and no sample is there twice. Returns the names of
    all samples."""
    promtool("check", "metrics", text=text)
    samples = [SAMPLE.match(line) for line in text.splitlines() if not line.startswith("#")]
    assert all(samples), text
    series = [(sample[1], sample[2]) for sample in samples]
    assert len(set(series)) == len(series), "a series is there twice"
    return {name for name, _ in series}


def check_open_metrics(text, names, folder):
    """Both readers take it, and it has the figures of the other format."""
    assert text.endswith("\n# EOF\n")
    families = list(open_metrics.text_string_to_metric_families(text))
    assert {sample.name for family in families for sample in family.samples} == names
    kinds = {family.name: family.type for family in families}
    assert (kinds["wingmark_build"], kinds["wingmark_frames"], kinds["wingmark_faces"]) == ("info", "counter", "gauge"), kinds
    assert kinds["wingmark_stage_seconds"] == "histogram"
    # promtool reads OpenMetrics where it makes blocks of it, of samples that have a time.
    lines = [line if line.startswith("#") else f"{line} {time.time():.0f}" for line in text.splitlines()]
    file = folder / "open_metrics.txt"
    file.write_text("\n".join(lines) + "\n")
    promtool("tsdb", "create-blocks-from", "openmetrics", str(file), str(folder / "blocks"))
    file.write_text("\n".join(lines[:-1]) + "\n")
    torn = subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", file, folder / "torn"], capture_output=True)
    assert torn.returncode != 0, "a text without its end is taken"


def value(text, series):
    return next(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(series + " "))


def check_figures(text):
    """The figures of a run that goes well are those of a run that goes well."""
    assert re.search(r'wingmark_build_info\{[^}]*model_digest="[0-9a-f]{64}"[^}]*model_sha256="[0-9a-f]{64}"', text), text
    assert abs(time.time() - value(text, "wingmark_last_frame_timestamp_seconds")) < 30
    assert value(text, 'wingmark_camera_state{state="live"}') == 1 and value(text, "wingmark_faces") == 1
    assert value(text, "wingmark_memory_resident_bytes") > 1e6 and value(text, "wingmark_cpu_seconds_total") > 0
    written = [float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith("wingmark_record_bytes_written_total{")]
    assert len(written) == 1 and written[0] > 1000, written
    assert "wingmark_record_free_bytes{" in text


def check_node_exporter(folder, names):
    """The textfile collector takes the file as it is."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    exporter = subprocess.Popen(
        ["prometheus-node-exporter", f"--web.listen-address={address}", "--collector.disable-defaults",
         "--collector.textfile", f"--collector.textfile.directory={folder}"],
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + 60
        while True:
            try:
                text = fetch(f"http://{address}/metrics")
                break
            except OSError:
                assert time.monotonic() < end, "node_exporter does not answer"
                time.sleep(0.1)
    finally:
        exporter.kill()
        exporter.wait()
    assert value(text, "node_textfile_scrape_error") == 0, text
    passed_on = {sample[1] for line in text.splitlines() if (sample := SAMPLE.match(line))}
    assert passed_on == names, passed_on ^ names


def expressions(rate_interval="1m"):
    """Of each panel of the dashboard, with Grafana's variables filled in."""
    panels = json.loads((SERVICE / "dashboard.json").read_text())["panels"]
    for panel in panels:
        for target in panel["targets"]:
            yield target["expr"].replace("$__rate_interval", rate_interval).replace("$instance", ".*")


def check_panels(page, folder):
    """Each panel has something to show, but for what not every machine tells."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    job = {"job_name": "wingmark", "scrape_interval": "1s", "static_configs": [{"targets": [page.removeprefix("http://")]}]}
    # JSON is YAML.
    (folder / "prometheus.yml").write_text(json.dumps({"scrape_configs": [job]}))
    prometheus = subprocess.Popen(
        ["prometheus", f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}",
         f"--web.listen-address={address}"],
        stderr=subprocess.DEVNULL,
    )

    def answers(expression):
        try:
            return json.loads(fetch(f"http://{address}/api/v1/query?" + urllib.parse.urlencode({"query": expression})))["data"]["result"]
        except OSError:
            return []

    try:
        empty, end = set(expressions("10s")), time.monotonic() + 60
        while empty := {expression for expression in empty if not answers(expression)}:
            if all(set(re.findall(r"wingmark_\w+", expression)) <= OF_SOME_MACHINES for expression in empty):
                break
            assert time.monotonic() < end, f"no answer to {empty}"
            time.sleep(1)
    finally:
        prometheus.kill()
        prometheus.wait()
    return len(list(expressions())) - len(empty)


def check_rules(names, folder):
    promtool("check", "rules", str(SERVICE / "alerts.yml"))
    subprocess.run(["promtool", "test", "rules", "alerts_test.yml"], cwd=SERVICE, check=True, stdout=subprocess.DEVNULL)
    rules = [{"record": f"panel:{i}", "expr": expression} for i, expression in enumerate(expressions())]
    # JSON is YAML.
    dashboard = folder / "dashboard_rules.yml"
    dashboard.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    promtool("check", "rules", str(dashboard))
    asked_for = set(re.findall(r"wingmark_\w+", (SERVICE / "alerts.yml").read_text() + dashboard.read_text()))
    unknown = asked_for - names - OF_SOME_MACHINES
    assert not unknown and len(asked_for) > 15, unknown
    tested = re.findall(r"alert: (\w+)", (SERVICE / "alerts.yml").read_text())
    tests = (SERVICE / "alerts_test.yml").read_text()
    for alert in tested:
        assert re.search(rf"alertname: {alert}\n\s+exp_alerts:\n\s+- exp_labels", tests), f"{alert} is never seen to be raised"
    return len(tested), len(rules)


def check_documented(names):
    page = (REPOSITORY / "docs/metrics.md").read_text()
    families = {re.sub(r"_(bucket|sum|count)$", "", name.removeprefix("wingmark_")) for name in names | OF_SOME_MACHINES}
    missing = {family for family in families if f"`{family}`" not in page}
    assert not missing, f"docs/metrics.md lacks {missing}"


def main():
    wingmark = str(Path(sys.argv[1] if len(sys.argv) > 1 else REPOSITORY / "target/debug/wingmark").resolve())
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        figures = folder / "wingmark.prom"
        arguments = [
            "--serve", str(free_port()), "--record", str(folder / "faces.csv"), "--metrics", str(figures), "--metrics-every", "200ms",
        ]
        with LiveRun(wingmark, *arguments) as run:
            address = run.said("the page is at ").split()[-1]
            end = time.monotonic() + 60
            while "wingmark_faces 1\n" not in (text := figures.read_text() if figures.exists() else "no file yet"):
                assert time.monotonic() < end, text
                time.sleep(0.1)
            time.sleep(2)
            served, written = fetch(f"{address}/metrics", kind="text/plain; version=0.0.4"), figures.read_text()
            scraped = fetch(f"{address}/metrics", SCRAPE, "application/openmetrics-text; version=1.0.0")
            answered = check_panels(address, folder)
            assert run.stop() == 0
        names = check_text(served)
        assert check_text(written) == names
        check_open_metrics(scraped, names, folder)
        check_figures(served)
        check_node_exporter(folder, names)
        alerts, panels = check_rules(names, folder)
        check_documented(names)
    print(f"{len(names)} figures in all ways; {alerts} alerts and {panels} expressions of the dashboard ask for known ones; "
          f"a Prometheus that scraped the run answers {answered} of them")


main()
