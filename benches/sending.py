#!/usr/bin/env python3
"""Compares `put --file` with boto3 and the AWS SDK for JavaScript: readings a second, CPU of client and store, memory.

    python3 -m venv venv && venv/bin/pip install boto3
    npm install --prefix target/javascript @aws-sdk/client-kinesis
    venv/bin/python benches/sending.py target/release/sensorctl [READINGS [ROUNDS [NAME…]]]

Each client puts the same file of READINGS (1,000,000 of about 80 bytes, 1,000 sensors) into a stream of its own of the
same local cloud, which has no function and no limits; ROUNDS (3) times in turn, of which the medians are printed. NAMEs
choose clients by the beginning of their names. Whole processes on this machine, with their start; the store is the local
cloud, on disk. Linux only (/proc). Prints a Markdown table.
"""
import os, shutil, statistics, subprocess, sys, tempfile, time

from bulk import cpu_seconds
from local import Cloud

HERE = os.path.dirname(os.path.realpath(__file__))


def write(path, count):
    with open(path, "w") as file:
        for first in range(0, count, 10_000):
            file.write("".join(
                f'{{"sensor_id":"sensor-{at % 1000}","temperature":{20 + at % 97 / 10:.1f},'
                f'"current_time":{1_700_000_000 + at // 1000},"humidity":{at % 100}}}\n'
                for at in range(first, min(first + 10_000, count))
            ))
    return os.path.getsize(path)


def clients(sensorctl):
    put = lambda mode: lambda file, stream: [
        sensorctl, "-q", "put", "--local", "--file", file, "--aggregation", mode, "--set", f"stream.name={stream}"]
    boto3 = lambda threads: lambda file, stream: [
        sys.executable, f"{HERE}/peers/python/put_records.py", file, stream, str(threads)]
    # Modules are looked for beside a script.
    node = lambda file, stream: ["node", f"{os.path.dirname(file)}/put-records.mjs", file, stream]
    return {
        "`put --file --aggregation always`": put("always"),
        "`put --file --aggregation never`": put("never"),
        "boto3, PutRecords of 500": boto3(1),
        "boto3, the same in 8 threads": boto3(8),
        "AWS SDK for JavaScript, 8 in flight": node,
    }


def measure(cloud, command, environment):
    """Returns seconds, CPU of the client, CPU of the store, and peak memory of the client in MiB."""
    before = cpu_seconds(cloud.process.pid)
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    if status != 0:
        sys.exit(f"{command}: status {status}")
    store = cpu_seconds(cloud.process.pid) - before
    return seconds, used.ru_utime + used.ru_stime, store, used.ru_maxrss / 1024


def main(sensorctl, count, rounds, names):
    sensorctl = os.path.realpath(sensorctl)
    chosen = {
        name: command for name, command in clients(sensorctl).items()
        if not names or any(name.strip("`").startswith(one) for one in names)
    }
    found = {name: [] for name in chosen}
    with tempfile.TemporaryDirectory() as home:
        file = f"{home}/readings.ndjson"
        size = write(file, count)
        shutil.copy(f"{HERE}/peers/node/put-records.mjs", home)
        os.symlink(os.path.realpath(f"{HERE}/../target/javascript/node_modules"), f"{home}/node_modules")
        for at in range(rounds):
            with tempfile.TemporaryDirectory(dir=home) as data, Cloud(sensorctl, data) as cloud:
                address = f"http://{cloud.address[0]}:{cloud.address[1]}"
                environment = cloud.environment | {
                    "AWS_ENDPOINT_URL": address, "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1",
                    "AWS_ACCESS_KEY_ID": cloud.key, "AWS_SECRET_ACCESS_KEY": cloud.secret,
                }
                own = cloud.environment
                for number, (name, command) in enumerate(chosen.items()):
                    stream = f"s{number}"
                    cloud.client().ok("Kinesis_20131202.CreateStream", StreamName=stream, ShardCount=1)
                    is_own = command(file, stream)[0] == sensorctl
                    found[name].append(measure(cloud, command(file, stream), own if is_own else environment))
                    cloud.client().ok("Kinesis_20131202.DeleteStream", StreamName=stream)
    print(f"{count:,} readings, {size / 1e6:.1f} MB, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, "
          f"medians of {rounds}\n")
    print("| client | readings/s | CPU of the client, µs a reading | of the store | peak memory | of what the cores can do |")
    print("|---|---|---|---|---|---|")
    for name, all_rounds in found.items():
        seconds, client, store, peak = (statistics.median(figures) for figures in zip(*all_rounds))
        best = os.cpu_count() / ((client + store) / count)
        print(f"| {name} | {count / seconds:,.0f} | {client / count * 1e6:.2f} | {store / count * 1e6:.2f} "
              f"| {peak:.0f} MiB | {count / seconds / best:.0%} |", flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    numbers = [int(text) for text in sys.argv[2:4] if text.isdigit()]
    count, rounds = (numbers + [1_000_000, 3][len(numbers):])
    main(sys.argv[1], count, rounds, sys.argv[2 + len(numbers):])
