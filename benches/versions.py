#!/usr/bin/env python3
"""Compares two builds of sensorctl, command by command, in turn, each on its own local cloud.

    benches/versions.py BEFORE NOW [RUNS]

BEFORE and NOW are binaries. Prints a Markdown table of medians of RUNS (5): seconds of wall time and the CPU of the
client; for the last rows the seconds until all rows are stored and the CPU of the local cloud with its function. The
wall time of a build that is not beside the other one in the same run says little. Linux only (/proc).
"""
import json, os, resource, statistics, subprocess, sys, tempfile, time

from bulk import children, cpu_seconds, readings

READINGS = 100_000


class Build:
    def __init__(self, binary, home, path):
        self.binary = os.path.realpath(binary)
        self.path = path
        self.environment = {"PATH": os.environ["PATH"], "HOME": home, "SENSORCTL_DATA_DIR": f"{home}/data"}

    def run(self, *arguments):
        done = subprocess.run([self.binary, "-q", *arguments], env=self.environment, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{self.binary} {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def timed(self, *arguments):
        """Runs a command; returns its seconds of wall time and of CPU, with those of the children it waited for."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.perf_counter()
        self.run(*arguments)
        wall = time.perf_counter() - began
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    def round(self):
        """Runs every command once on a new local cloud; returns (wall, CPU) by name."""
        figures = {"`--version`": self.timed("--version"), "`demo`": self.timed("demo")}
        cloud = json.loads(self.run("local", "start", "--port", "0", "-o", "json"))["pid"]
        try:
            figures["`up --local`, all to create"] = self.timed("up", "--local")
            figures["`up --local`, nothing to do"] = self.timed("up", "--local")
            figures["`plan --local`"] = self.timed("plan", "--local")
            idle, began = self.cloud_cpu(cloud), time.perf_counter()
            figures[f"`put --local --file`, {READINGS:,} readings"] = self.timed("put", "--local", "--file", self.path)
            # One shard, read in its order: the second canary is stored after every earlier batch.
            for moment in ("1", "2"):
                self.run("put", "--local", "--sensor", "marker", "--temp", "0", "--time", moment, "--wait", "--timeout", "10m")
            stored = time.perf_counter() - began
            figures["until all are stored; local cloud and function"] = stored, self.cloud_cpu(cloud) - idle
            figures[f"`scan --local -o ndjson`, {READINGS:,} rows"] = self.timed("scan", "--local", "-o", "ndjson")
        finally:
            self.run("local", "stop")
            self.run("local", "reset", "--yes")
        return figures

    def cloud_cpu(self, cloud):
        """Returns the CPU seconds of the local cloud and of the function's processes that run."""
        return cpu_seconds(cloud) + sum(map(cpu_seconds, children(cloud)))


def main(before, now, runs):
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/readings.ndjson"
        readings(path, READINGS)
        builds = []
        for name, binary in ("before", before), ("now", now):
            os.mkdir(f"{folder}/{name}")
            builds.append((Build(binary, f"{folder}/{name}", path), {}))
        for _ in range(runs):
            for build, all_figures in builds:
                for name, figure in build.round().items():
                    all_figures.setdefault(name, []).append(figure)
        print("| command | wall, before → now | CPU, before → now |\n|---|---|---|")
        for name in builds[0][1]:
            medians = [[statistics.median(column) for column in zip(*figures[name])] for _, figures in builds]
            (wall, cpu), (wall_now, cpu_now) = medians
            print(f"| {name} | {wall:.3f} → {wall_now:.3f} s ({wall_now / wall:.2f} ×) | {cpu:.3f} → {cpu_now:.3f} s |")


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) == 4 else 5)
