#!/usr/bin/env python3
"""Measures the README's figures of a built sensorctl: sizes, start, demo, up and down on a local cloud.

    benches/figures.py target/release/sensorctl

Measures whole processes on this machine, as medians of RUNS. Prints a Markdown table.
"""
import json, os, statistics, subprocess, sys, tempfile, time

RUNS = 20


def main(sensorctl):
    sensorctl = os.path.realpath(sensorctl)
    with tempfile.TemporaryDirectory() as home:
        environment = {"PATH": os.environ["PATH"], "HOME": home, "SENSORCTL_DATA_DIR": f"{home}/data"}

        def run(*arguments):
            began = time.perf_counter()
            done = subprocess.run([sensorctl, "-q", *arguments], env=environment, capture_output=True, text=True)
            took = (time.perf_counter() - began) * 1000
            if done.returncode != 0:
                sys.exit(f"sensorctl {' '.join(arguments)}: {done.stderr}")
            return took, done.stdout

        def median(*arguments, runs=RUNS):
            return statistics.median(run(*arguments)[0] for _ in range(runs))

        zip_file = f"{home}/function.zip"
        run("export", "function-zip", zip_file)
        rows = [
            ("binary", f"{os.path.getsize(sensorctl) / 1e6:.1f} MB"),
            ("function zip", f"{os.path.getsize(zip_file) / 2**20:.2f} MiB"),
            ("`--version`", f"{median('--version'):.1f} ms"),
            ("`demo`", f"{median('demo', runs=5):.0f} ms"),
        ]
        start, _ = run("local", "start", "--port", "0")
        rows.append(("`local start` until it answers", f"{start:.0f} ms"))
        ups, agains, plans, downs = [], [], [], []
        for _ in range(5):
            ups.append(run("up", "--local")[0])
            agains.append(median("up", "--local", runs=5))
            plans.append(median("plan", "--local", runs=5))
            downs.append(run("down", "--local", "--yes")[0])
        rows += [
            ("`up --local` on nothing", f"{statistics.median(ups):.0f} ms"),
            ("`up --local` with nothing to do", f"{statistics.median(agains):.0f} ms"),
            ("`plan --local`", f"{statistics.median(plans):.0f} ms"),
            ("`down --local`", f"{statistics.median(downs):.0f} ms"),
        ]
        run("up", "--local")
        waits = []
        for number in range(50):
            _, out = run("put", "--local", "--sensor", "a", "--temp", str(number), "--wait", "-o", "json")
            waits.append(json.loads(out)["stored_after_ms"])
        rows.append(("put to row, median", f"{statistics.median(waits):.0f} ms"))
        run("local", "stop")
    print("| what | figure |\n|---|---|")
    for name, figure in rows:
        print(f"| {name} | {figure} |")


main(sys.argv[1])
