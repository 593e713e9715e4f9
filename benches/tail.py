#!/usr/bin/env python3
"""Compares `tail` with a loop of boto3 and aws_kinesis_agg: readings a second, CPU of client and store, memory.

    python3 -m venv venv && venv/bin/pip install boto3 aws_kinesis_agg protobuf
    venv/bin/python benches/tail.py target/release/sensorctl [READINGS [ROUNDS]]

Both read the same stream of one shard with READINGS (200,000 of about 80 bytes, 1,000 sensors) that `put --file
--aggregation always` wrote, from its beginning to its end, and print them as NDJSON; ROUNDS (3) times in turn, of which
the medians are printed. First, what they print is compared. Whole processes on this machine, with their start; the store
is the local cloud, on disk, without limits. Linux only (/proc). Prints a Markdown table.
"""
import json, os, statistics, subprocess, sys, tempfile

from local import Cloud
from sending import HERE, measure, write

STREAM = "tail"


def write_rows(command, environment, path):
    with open(path, "w") as file:
        if subprocess.run(command, env=environment, stdout=file).returncode != 0:
            sys.exit(f"{command} failed")


def same_rows(paths):
    """Counts the rows of two files, which must be the same. One by one: a child's peak memory begins with ours."""
    count = 0
    with open(paths[0]) as own, open(paths[1]) as other:
        for count, (left, right) in enumerate(zip(own, other, strict=True), 1):
            assert json.loads(left) == json.loads(right), (left, right)
    return count


def main(sensorctl, count, rounds):
    sensorctl = os.path.realpath(sensorctl)
    with tempfile.TemporaryDirectory() as home, Cloud(sensorctl, home) as cloud:
        address = f"http://{cloud.address[0]}:{cloud.address[1]}"
        environment = cloud.environment | {
            "AWS_ENDPOINT_URL": address, "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": cloud.key, "AWS_SECRET_ACCESS_KEY": cloud.secret,
        }
        file = f"{home}/readings.ndjson"
        write(file, count)
        cloud.client().ok("Kinesis_20131202.CreateStream", StreamName=STREAM, ShardCount=1)
        name = f"stream.name={STREAM}"
        report = json.loads(cloud.run(
            "put", "--local", "--file", file, "--aggregation", "always", "--set", name, "-o", "json"))
        clients = {
            "`tail -o ndjson`": ([sensorctl, "-q", "tail", "--local", "--from", "trim-horizon", "--until", "now", "-o",
                                  "ndjson", "--set", name], cloud.environment),
            "boto3 and aws_kinesis_agg": ([sys.executable, f"{HERE}/peers/python/get_records.py", STREAM], environment),
        }
        paths = [f"{home}/{number}.ndjson" for number in range(len(clients))]
        for client, path in zip(clients.values(), paths):
            write_rows(*client, path)
        assert same_rows(paths) == count
        found = {name: [] for name in clients}
        for _ in range(rounds):
            for name, client in clients.items():
                found[name].append(measure(cloud, *client))
    print(f"{count:,} readings in {report['records']:,} records, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, "
          f"medians of {rounds}\n")
    print("| client | readings/s | CPU of the client, µs a reading | of the store | peak memory |")
    print("|---|---|---|---|---|")
    for name, all_rounds in found.items():
        seconds, client, store, peak = (statistics.median(figures) for figures in zip(*all_rounds))
        print(f"| {name} | {count / seconds:,.0f} | {client / count * 1e6:.2f} | {store / count * 1e6:.2f} "
              f"| {peak:.0f} MiB |", flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    numbers = [int(text) for text in sys.argv[2:4]]
    main(sys.argv[1], *(numbers + [200_000, 3][len(numbers):]))
