#!/usr/bin/env python3
"""Measures how long after it was written `logs --follow` prints a line of the function's log.

    benches/follow.py target/release/sensorctl [INVOCATIONS [PAUSE_MS]]

Puts a reading into the pipeline of a local cloud INVOCATIONS times (30; each writes four lines), with random pauses of
PAUSE_MS (500) on average, and compares the time of each line with the clock when its row came out of the pipe, both of this
machine. Prints the median and the tail as a Markdown table.
"""
import json, random, statistics, subprocess, sys, tempfile, threading, time
from datetime import datetime

from local import Cloud


def follow(pipe, delays, arrived):
    """Notes the delay of each row."""
    for row in pipe:
        now = time.time()
        line = json.loads(row)
        delays.append((line["kind"], (now - datetime.fromisoformat(line["time"]).timestamp()) * 1000))
        arrived.set()


def main(sensorctl, invocations=30, pause_ms=500):
    delays, arrived = [], threading.Event()
    with tempfile.TemporaryDirectory() as home, Cloud(sensorctl, home) as cloud:
        cloud.run("up", "--local")
        command = [sensorctl, "-q", "logs", "--local", "--follow", "-o", "ndjson"]
        follower = subprocess.Popen(command, env=cloud.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        threading.Thread(target=follow, args=(follower.stdout, delays, arrived), daemon=True).start()
        # The first line is not counted: it may have been there before the first poll.
        put(cloud, 0)
        if not arrived.wait(30):
            sys.exit("no line came")
        time.sleep(1)
        delays.clear()
        for number in range(1, invocations + 1):
            time.sleep(random.expovariate(1000 / pause_ms))
            put(cloud, number)
        time.sleep(2)
        follower.terminate()
        follower.wait()
    found = sorted(delay for _, delay in delays)
    if len(found) < invocations:
        sys.exit(f"only {len(found)} lines came of {invocations} invocations")
    at = lambda share: found[min(len(found) - 1, int(len(found) * share))]
    print("| lines | p50 | p90 | p99 | max |\n|---|---|---|---|---|")
    print(f"| {len(found)} | {statistics.median(found):.0f} ms | {at(.9):.0f} ms | {at(.99):.0f} ms | {found[-1]:.0f} ms |")


def put(cloud, number):
    cloud.run("put", "--local", "--sensor", "a", "--temp", "1", "--time", str(1_700_000_000 + number))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1], *(int(argument) for argument in sys.argv[2:4]))
