#!/usr/bin/env python3
"""Measures how far `put --file` fills the shards of a local cloud that enforces the limits of AWS.

    benches/fill.py target/release/sensorctl [SHARDS [SECONDS [MODE…]]]

Puts generated readings (about 80 bytes, 1,000 sensors) from a pipe for SECONDS (60) into a provisioned stream of SHARDS
(1), aggregated and not (MODE: `always`, `never`), and then what waits in memory. Prints readings/s, MiB/s of data and
keys, the share of the limits, the share of records that were throttled and sent again, and the CPU and peak memory of
the client, as a Markdown table.
"""
import json, os, resource, subprocess, sys, tempfile, threading, time

from local import Cloud


def feed(pipe, until):
    """Writes readings until the time, faster than any shard takes them."""
    number = 0
    try:
        while time.monotonic() < until:
            lines = [
                f'{{"sensor_id":"sensor-{at % 1000}","temperature":{20 + at % 97 / 10},'
                f'"current_time":{1_700_000_000 + at // 1000},"humidity":{at % 100}}}\n'
                for at in range(number, number + 1000)
            ]
            number += 1000
            pipe.write("".join(lines).encode())
        pipe.close()
    except BrokenPipeError:
        pass


def measure(sensorctl, environment, stream, mode, seconds):
    command = [sensorctl, "-q", "put", "--local", "--file", "-", "--aggregation", mode, "-o", "json"]
    command += ["--set", f"stream.name={stream}"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    feeder = threading.Thread(target=feed, args=(process.stdin, time.monotonic() + seconds))
    feeder.start()
    # The feeder closes the pipe, so nothing is left for `communicate` to write.
    out = process.stdout.read()
    feeder.join()
    status = process.wait()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    report = json.loads(out)
    if status != 0 or report["failed"]:
        sys.exit(f"put: exit {status}, {report}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return report, cpu, after.ru_maxrss / 1024


def main(sensorctl, shards=1, seconds=60, *modes):
    sensorctl = os.path.realpath(sensorctl)
    rows = []
    # Only the stream: the function's reads would take part of the machine.
    with tempfile.TemporaryDirectory() as home, Cloud(sensorctl, home, "--timing", "aws") as cloud:
        for mode in modes or ("always", "never"):
            stream = f"fill-{mode}"
            create(cloud.client(), stream, shards)
            rows.append((mode, *measure(sensorctl, cloud.environment, stream, mode, seconds)))
    print(f"{shards} shards, {seconds} s, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    print("| `--aggregation` | readings/s | MiB/s | of the shards' bytes | of their records | sent again | CPU a reading | peak memory |")
    print("|---|---|---|---|---|---|---|---|")
    for mode, report, cpu, peak in rows:
        # Partition keys count, too: the group's is 11 or 12 bytes, a sensor's at most 10.
        data = report["bytes"] + 12 * report["records"]
        mib, records = data / 2**20 / report["seconds"], report["records"] / report["seconds"]
        again = report["retries"] / (report["records"] + report["retries"])
        print(
            f"| {mode} | {report['readings_per_second']:,.0f} | {mib:.3f} | {mib / shards:.1%} "
            f"| {records / 1000 / shards:.1%} | {again:.2%} | {cpu / report['accepted'] * 1e6:.2f} µs | {peak:.0f} MiB |"
        )


def create(client, stream, shards):
    """Creates a stream and waits until it takes records."""
    client.ok("Kinesis_20131202.CreateStream", StreamName=stream, ShardCount=shards)
    status = lambda: client.ok("Kinesis_20131202.DescribeStreamSummary", StreamName=stream)
    while status()["StreamDescriptionSummary"]["StreamStatus"] != "ACTIVE":
        time.sleep(0.2)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1], *(int(argument) for argument in sys.argv[2:4]), *sys.argv[4:])
