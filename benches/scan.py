#!/usr/bin/env python3
"""Compares ways to read a table: `sensorctl scan`, the AWS CLI, boto3, and aws-dynamodb-parallel-scan.

    python3 -m venv venv && venv/bin/pip install awscli boto3 aws-dynamodb-parallel-scan
    venv/bin/python benches/scan.py target/release/sensorctl [--rows N] [--keep FOLDER] [--only WORD...] [--runs N]

Writes N (1,000,000) rows of 1,000 sensors to a table of the local cloud, as the function stores them, and reads all of
them, then those of one sensor. Each way is a process of its own. CPU of the client (itself and its children) and of the
store (the local cloud) apart, and the peak memory of the client. Linux only (/proc). Prints a Markdown table. With
--keep, the table stays in the folder for the next run, and --only reads by some of the ways.
"""
import argparse, os, subprocess, sys, tempfile, time

from growth import add_rows, create_table
from local import Cloud

SENSORS = 1000
PAGINATOR = """
import boto3
pages = boto3.client("dynamodb").get_paginator("scan").paginate(TableName="SensorData")
print(sum(len(page["Items"]) for page in pages))
"""
THREADS = """
import boto3
from concurrent.futures import ThreadPoolExecutor
client = boto3.client("dynamodb")
def segment(number):
    pages = client.get_paginator("scan").paginate(TableName="SensorData", Segment=number, TotalSegments=4)
    return sum(len(page["Items"]) for page in pages)
with ThreadPoolExecutor(4) as pool:
    print(sum(pool.map(segment, range(4))))
"""
FILTERED = """
import boto3
pages = boto3.client("dynamodb").get_paginator("scan").paginate(
    TableName="SensorData", FilterExpression="SensorId = :s", ExpressionAttributeValues={":s": {"S": "sensor-7"}})
print(sum(len(page["Items"]) for page in pages))
"""


def ways(sensorctl):
    """Returns the name, the command, whether it counts its rows itself, and whether it reads one sensor only."""
    bin = os.path.dirname(sys.executable)
    scan = [sensorctl, "-q", "scan", "--local", "-o", "ndjson"]
    return [
        ("`sensorctl scan`", scan, False, False),
        ("`sensorctl scan -o csv`", [*scan[:-1], "csv"], False, False),
        ("`sensorctl scan --raw`", [*scan, "--raw"], False, False),
        ("`sensorctl scan --sort time`", [*scan, "--sort", "time"], False, False),
        ("`aws dynamodb scan`", [f"{bin}/aws", "dynamodb", "scan", "--table-name", "SensorData"], False, False),
        ("boto3, paginator", [sys.executable, "-c", PAGINATOR], True, False),
        ("boto3, 4 threads", [sys.executable, "-c", THREADS], True, False),
        ("`aws-dynamodb-parallel-scan`, 4 segments",
         [f"{bin}/aws-dynamodb-parallel-scan", "--table-name", "SensorData", "--total-segments", "4"], False, False),
        ("one sensor: `scan --sensor`", [*scan, "--sensor", "sensor-7"], False, True),
        ("one sensor: `scan --where`, filtered", [*scan, "--where", 'begins_with(sensor_id, "sensor-7") and not sensor_id > "sensor-7"'], False, True),
        ("one sensor: boto3, filtered scan", [sys.executable, "-c", FILTERED], True, True),
        ("the newest of each sensor: `scan --latest`", [*scan, "--latest"], False, None),
    ]


def cpu(process):
    """Returns the CPU seconds of a running process."""
    fields = open(f"/proc/{process.pid}/stat").read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(cloud, command, counts):
    environment = cloud.environment | {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{cloud.address[1]}", "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": cloud.key, "AWS_SECRET_ACCESS_KEY": cloud.secret,
        "AWS_PAGER": "", "AWS_MAX_ATTEMPTS": "1", "AWS_EC2_METADATA_DISABLED": "true",
    }
    store = cpu(cloud.process)
    began = time.perf_counter()
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE if counts else subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    out, err = process.stdout.read() if counts else b"", process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    took = time.perf_counter() - began
    if status != 0:
        sys.exit(f"{command}: {status} {err[-500:]}")
    return took, used.ru_utime + used.ru_stime, cpu(cloud.process) - store, used.ru_maxrss / 1024, int(out) if counts else None


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("sensorctl")
    arguments.add_argument("--rows", type=int, default=1_000_000)
    arguments.add_argument("--keep")
    arguments.add_argument("--only", nargs="+", default=[""])
    arguments.add_argument("--runs", type=int, default=1)
    asked = arguments.parse_args()
    sensorctl = os.path.realpath(asked.sensorctl)
    with tempfile.TemporaryDirectory() as scratch:
        home = asked.keep or scratch
        is_new = not os.path.exists(f"{home}/filled")
        with Cloud(sensorctl, home) as cloud:
            if is_new:
                create_table(cloud.client(), "SensorData")
                add_rows(cloud, "SensorData", lambda number: f"sensor-{number % SENSORS}", 0, asked.rows)
                open(f"{home}/filled", "w").close()
            print("| way | wall | rows/s | client CPU a row | store CPU a row | peak memory of the client |")
            print("|---|---|---|---|---|---|")
            for name, command, counts, is_one in ways(sensorctl):
                if not any(word in name for word in asked.only):
                    continue
                rows = {True: asked.rows // SENSORS, False: asked.rows, None: SENSORS}[is_one]
                runs = [measure(cloud, command, counts) for _ in range(asked.runs)]
                took, client, store, memory, found = min(runs)
                if found not in (None, rows):
                    sys.exit(f"{name}: {found} rows instead of {rows}")
                print(
                    f"| {name} | {took:.2f} s | {rows / took:,.0f} | {client / rows * 1e6:.1f} µs | "
                    f"{store / rows * 1e6:.1f} µs | {memory:.0f} MiB |", flush=True,
                )


main()
