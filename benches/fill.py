#!/usr/bin/env python3
"""Measures how far `put --file` fills the shards of a local cloud that enforces the limits of AWS.

    benches/fill.py target/release/sensorctl [SHARDS [SECONDS]]

Puts generated readings (about 80 bytes, 1,000 sensors) from a pipe for SECONDS (60) into a provisioned stream of SHARDS
(1), aggregated and not, and prints readings/s, MiB/s of data and keys, the share of the limits, the share of records
that were throttled and sent again, and the CPU and peak memory of the client. Prints a Markdown table.
"""
import json, os, resource, subprocess, sys, tempfile, threading, time


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


def main(sensorctl, shards, seconds):
    sensorctl = os.path.realpath(sensorctl)
    with tempfile.TemporaryDirectory() as home:
        environment = {"PATH": os.environ["PATH"], "HOME": home, "SENSORCTL_DATA_DIR": f"{home}/data"}

        def run(*arguments):
            done = subprocess.run([sensorctl, "-q", *arguments], env=environment, capture_output=True, text=True)
            if done.returncode != 0:
                sys.exit(f"sensorctl {' '.join(arguments)}: {done.stderr}")

        run("local", "start", "--port", "0", "--timing", "aws")
        rows = []
        try:
            # Only the stream: the function's reads would take part of the machine.
            for mode in ("always", "never"):
                stream = f"fill-{mode}"
                run("local", "run", "--help")
                create(sensorctl, environment, stream, shards)
                report, cpu, peak = measure(sensorctl, environment, stream, mode, seconds)
                rows.append((mode, report, cpu, peak))
        finally:
            run("local", "stop")
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


def create(sensorctl, environment, stream, shards):
    """Creates a stream with the local cloud's own credentials."""
    lines = subprocess.run([sensorctl, "local", "env"], env=environment, capture_output=True, text=True, check=True).stdout
    script = f"""{lines}
aws kinesis create-stream --stream-name {stream} --shard-count {shards} && aws kinesis wait stream-exists --stream-name {stream}"""
    subprocess.run(["bash", "-c", script], env=environment, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 4:
        sys.exit(__doc__)
    main(sys.argv[1], *(int(argument) for argument in sys.argv[2:] or [1]), *([60] if len(sys.argv) < 4 else []))
