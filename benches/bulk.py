#!/usr/bin/env python3
"""Measures `put --file` on its own local cloud, until all rows are stored: seconds, CPU and peak memory.

    benches/bulk.py target/release/sensorctl [READINGS]

Measures whole processes of CLI and local cloud on this machine, from a file of generated readings (1,000 sensors,
every key once) to the moment when the table holds all of them. Linux only (/proc). Prints a Markdown table.
"""
import json, os, random, resource, subprocess, sys, tempfile, time


def readings(path, count):
    luck = random.Random(7)
    with open(path, "w") as file:
        for number in range(count):
            reading = {
                "sensor_id": f"sensor-{number % 1000}",
                "temperature": round(luck.uniform(-20, 40), 2),
                "current_time": 1_700_000_000 + number // 1000,
                "humidity": luck.randrange(100),
            }
            file.write(json.dumps(reading, separators=(",", ":")) + "\n")
    return os.path.getsize(path)


def cpu_seconds(pid):
    """Returns user and system time of a process and of the children that it has waited for."""
    fields = open(f"/proc/{pid}/stat").read().rsplit(") ", 1)[1].split()
    return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")


def peak_mib(pid):
    lines = open(f"/proc/{pid}/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def children(pid):
    tasks = os.listdir(f"/proc/{pid}/task")
    return [child for task in tasks for child in open(f"/proc/{pid}/task/{task}/children").read().split()]


def main(sensorctl, count):
    sensorctl = os.path.realpath(sensorctl)
    with tempfile.TemporaryDirectory() as home:
        environment = {"PATH": os.environ["PATH"], "HOME": home, "SENSORCTL_DATA_DIR": f"{home}/data"}

        def run(*arguments):
            done = subprocess.run([sensorctl, "-q", *arguments], env=environment, capture_output=True, text=True)
            if done.returncode != 0:
                sys.exit(f"sensorctl {' '.join(arguments)}: {done.stderr}")
            return done.stdout

        size = readings(f"{home}/readings.ndjson", count)
        cloud = json.loads(run("local", "start", "--port", "0", "-o", "json"))["pid"]
        try:
            run("up", "--local")
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            idle = cpu_seconds(cloud)
            began = time.perf_counter()
            report = json.loads(run("put", "--local", "--file", f"{home}/readings.ndjson", "-o", "json"))
            put = time.perf_counter() - began
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            # One shard, read in its order: the second canary is stored after every earlier batch.
            for moment in ("1", "2"):
                run("put", "--local", "--sensor", "marker", "--temp", "0", "--time", moment, "--wait", "--timeout", "10m")
            rows = time.perf_counter() - began
            cloud_cpu, cloud_peak = cpu_seconds(cloud) - idle, peak_mib(cloud)
            function = [(cpu_seconds(pid), peak_mib(pid)) for pid in children(cloud)]
            stored = run("scan", "--local", "--consistent", "-o", "ndjson").count("\n")
        finally:
            run("local", "stop")
        if report["accepted"] != count or stored != count + 2:
            sys.exit(f"{report} but {stored} rows, with 2 markers")
    cli_cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{count} readings, {size / 1e6:.1f} MB, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    print("| what | figure |\n|---|---|")
    print(f"| file to stream (`put --file`) | {put:.1f} s |")
    print(f"| file to rows | {rows:.1f} s |")
    # The peak of all processes so far. `put --file` is the largest of them.
    print(f"| `put --file` CPU, peak memory | {cli_cpu:.1f} s, {after.ru_maxrss / 1024:.0f} MiB |")
    print(f"| local cloud CPU, peak memory | {cloud_cpu:.1f} s, {cloud_peak:.0f} MiB |")
    for cpu, peak in function:
        print(f"| function process CPU, peak memory | {cpu:.1f} s, {peak:.0f} MiB |")


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 3:
        sys.exit(__doc__)
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) == 3 else 100_000)
