#!/usr/bin/env python3
"""Compares the function with four common designs: start, CPU, wall, memory, size.

    benches/peers/run.py FUNCTION.zip [--runs N] [--only NAME] [--folder DIR]
    benches/peers/run.py FUNCTION.zip --instructions     counts instructions of a reading with valgrind's callgrind

FUNCTION.zip is the output of `sensorctl export function-zip`. With --instructions it may be a `bootstrap` that is not
stripped: then they are counted by part of the function. Every function is a whole process behind the same Runtime
API and writes to the same DynamoDB, both in this process and on another CPU. Needs Node 20, npm, Python 3 and openssl.
The dependencies of the peers are installed below --folder (target/peers) once. Linux only (/proc). Prints a Markdown
table.

The first response is measured over TLS with a test certificate authority, the rest over plain HTTP. CPU and wall
of a reading are medians of N invocations with the largest event, after one to warm up. A PutItem for each reading takes
so long that it gets only five invocations, and for aggregated records an event with only as many readings as the
largest plain one: each is still thousands of requests. Everything takes about eight minutes with N = 20.
"""
import argparse, asyncio, base64, hashlib, io, json, os, random, re, statistics, subprocess, sys, tempfile, time, zipfile
from pathlib import Path

from cloud import DynamoDb, RuntimeApi, serve, tls_of

HERE = Path(__file__).resolve().parent
EVENT_BYTES = 6 * 1024 * 1024 - 1024
MAGIC = bytes.fromhex("f3899ac2")
AGGREGATE_BYTES = 50_000
ONE_BY_ONE_RUNS = 5


# Events

def reading(luck, number):
    return json.dumps(
        {
            "sensor_id": f"sensor-{number % 1000}",
            "temperature": round(luck.uniform(-20, 40), 2),
            "current_time": 1_700_000_000 + number // 1000 + 0.125,
            "humidity": luck.randrange(100),
        },
        separators=(",", ":"),
    ).encode()


def record(number, data):
    sequence = str(49590338271490256608559692538361571095921575989136588898 + number)
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": f"sensor-{number % 1000}",
            "sequenceNumber": sequence,
            "data": base64.b64encode(data).decode(),
            "approximateArrivalTimestamp": 1_545_084_650.987,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"shardId-000000000000:{sequence}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::000000000000:role/kinesis-lambda-dynamodb",
        "awsRegion": "us-east-1",
        "eventSourceARN": "arn:aws:kinesis:us-east-1:000000000000:stream/temperature-sensor-data",
    }


def varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def field(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def aggregate(datas):
    """Returns records with one partition key for all, as sensorctl creates them."""
    message = field(1, b"lane-0") + b"".join(field(3, b"\x08\x00" + field(3, data)) for data in datas)
    return MAGIC + message + hashlib.md5(message).digest()


def event_of(records):
    return json.dumps({"Records": records}, separators=(",", ":")).encode()


def largest(records, enough=10**9):
    """Returns the records that fit into one event, and their number of readings. Stops when there are enough."""
    taken, size, readings = [], len(event_of([])), 0
    for one, count in records:
        size += len(json.dumps(one, separators=(",", ":"))) + 1
        if size > EVENT_BYTES or len(taken) == 10_000 or readings >= enough:
            break
        taken.append(one)
        readings += count
    return event_of(taken), readings


def plain_records():
    luck, number = random.Random(7), 0
    while True:
        yield record(number, reading(luck, number)), 1
        number += 1


def aggregated_records():
    luck, number, records = random.Random(7), 0, 0
    while True:
        datas, size = [], 0
        while size < AGGREGATE_BYTES:
            datas.append(reading(luck, number))
            size += len(datas[-1])
            number += 1
        yield record(records, aggregate(datas)), len(datas)
        records += 1


# The part of the program to which a function belongs, by its name: the first match.
PARTS = {
    "SHA-256 of the request (in software under valgrind)": "sha2::",
    "parsing JSON: the event, the reading": "serde|PhantomData|from_utf8|CharSearcher",
    "checking, and writing the item": "bootstrap::(handler|store|dynamodb::item)|sensor_model::(?!aggregation)|btree|from_iter",
    "memory: allocator, copies": "dlmalloc|__rust_|mem(cpy|set|move|cmp)|src_musl.*string|pthread_mutex|drop_in_place|raw_vec",
    "taking apart what is aggregated": "md5::|aggregation",
}


# Functions

class Peer:
    def __init__(self, name, command, size, one_by_one=False):
        self.name, self.command, self.size, self.one_by_one = name, command, size, one_by_one


def zipped(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for file in files:
            archive.write(file, Path(file).name)
    return len(out.getvalue())


def run(*command, folder):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}")


def peers(function, folder):
    ours = folder / "bootstrap"
    ours.write_bytes(zipfile.ZipFile(function).read("bootstrap") if zipfile.is_zipfile(function) else function.read_bytes())
    ours.chmod(0o755)
    yield Peer("sensorctl", [ours], os.path.getsize(function))

    node = folder / "node"
    node.mkdir(exist_ok=True)
    for file in (HERE / "node").iterdir():
        (node / file.name).write_bytes(file.read_bytes())
    if not (node / "node_modules").is_dir():
        run("npm", "install", "--no-package-lock", "--no-audit", "--no-fund", folder=node)
    run("npx", "esbuild", "put-item.mjs", "batch-write.mjs", "--bundle", "--minify", "--platform=node",
        "--target=node20", "--format=cjs", "--out-extension:.js=.cjs", "--outdir=out", folder=node)
    for name, title in (("batch-write", "Node 20, BatchWriteItem"), ("put-item", "Node 20, PutItem")):
        script = node / "out" / f"{name}.cjs"
        yield Peer(title, ["node", script], zipped([script]), name == "put-item")

    python = folder / "python"
    if not (python / "bin" / "python").exists():
        run(sys.executable, "-m", "venv", python, folder=folder)
        run(python / "bin" / "pip", "install", "--quiet", "--require-hashes", "--requirement", HERE / "python" / "requirements.txt", folder=folder)
    for name, title in (("batch_write", "Python, BatchWriteItem"), ("put_item", "Python, PutItem")):
        files = [HERE / "python" / f"{file}.py" for file in (name, "readings", "runtime")]
        yield Peer(title, [python / "bin" / "python", files[0]], zipped(files), name == "put_item")


class Process:
    """A function on CPU 0. This process uses the other CPUs."""

    def __init__(self, peer, runtime_api, endpoint, certificate="", settings=None):
        environment = {
            "PATH": os.environ["PATH"],
            "AWS_LAMBDA_RUNTIME_API": runtime_api,
            "AWS_LAMBDA_FUNCTION_NAME": "ProcessKinesisRecords",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_SESSION_TOKEN": "token",
            "AWS_ENDPOINT_URL_DYNAMODB": endpoint,
            "NODE_NO_WARNINGS": "1",
            "SENSORCTL_PARTIAL_BATCH": "1",
            **(settings or {}),
        }
        if certificate:
            environment |= {"AWS_CA_BUNDLE": certificate, "NODE_EXTRA_CA_CERTS": certificate}
        self.peer = peer
        # Inherited, because anything done between fork and exec makes this process, which is large, copy its page tables.
        here = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {0})
        self.process = subprocess.Popen(peer.command, env=environment, stdout=subprocess.DEVNULL)
        os.sched_setaffinity(0, here)

    async def until(self, awaited):
        """Awaits a result, or fails if the function ends before."""
        task = asyncio.ensure_future(awaited)
        while not (await asyncio.wait({task}, timeout=1))[0]:
            if self.process.poll() is not None:
                sys.exit(f"{self.peer.name} ended with {self.process.returncode}")
        return task.result()

    def cpu(self):
        """Returns the CPU seconds of all its threads so far (clock_getcpuclockid of another process)."""
        return time.clock_gettime((~self.process.pid) << 3 | 2)

    def peak(self):
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024

    def end(self, signal=9):
        self.process.send_signal(signal)
        self.process.wait()


async def first_response(peer, runs, certificate, tls):
    event = event_of([one for one, _ in zip((one for one, _ in plain_records()), range(10))])
    took = []
    for _ in range(runs):
        api = RuntimeApi()
        runtime_api, endpoint = await serve(lambda: api), f"https://{await serve(DynamoDb, tls)}".replace("127.0.0.1", "localhost")
        began = time.perf_counter()
        process = Process(peer, runtime_api, endpoint, certificate)
        await process.until(api.invoke(event))
        took.append(time.perf_counter() - began)
        process.end()
    return statistics.median(took) * 1e3


async def throughput(peer, runs, event, readings):
    api = RuntimeApi()
    process = Process(peer, await serve(lambda: api), f"http://{await serve(DynamoDb)}")
    walls, cpus = [], []
    for _ in range(1 + runs):
        await process.until(api.asked.wait())
        before, writes = process.cpu(), DynamoDb.writes
        walls.append(await process.until(api.invoke(event)))
        await process.until(api.asked.wait())
        cpus.append(process.cpu() - before)
        if DynamoDb.writes - writes != readings:
            sys.exit(f"{peer.name}: {DynamoDb.writes - writes} writes for {readings} readings")
    peak = process.peak()
    process.end()
    median = lambda seconds: statistics.median(seconds[1:]) / readings * 1e6
    return median(cpus), median(walls), peak


async def instructions(peer, event, readings):
    """Returns the user-space instructions per reading, by part, from two more events. The same on a busy machine."""
    counts = []
    with tempfile.TemporaryDirectory() as folder:
        for events in (1, 3):
            out = f"{folder}/{events}"
            valgrind = ["valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={out}", *peer.command]
            api = RuntimeApi()
            endpoint = f"http://{await serve(DynamoDb)}"
            process = Process(Peer(peer.name, valgrind, 0), await serve(lambda: api), endpoint)
            for _ in range(events):
                await process.until(api.invoke(event))
            await process.until(api.asked.wait())
            process.end(signal=15)
            counts.append(by_part(out))
    few, many = counts
    return {part: (many[part] - few.get(part, 0)) / 2 / readings for part in many}


def by_part(out):
    """Returns the instructions of each part of the function, from a callgrind file."""
    told = subprocess.run(["callgrind_annotate", "--threshold=100", out], capture_output=True, text=True, check=True).stdout
    counts = {}
    for count, function in re.findall(r"^ *([\d,]+) \([^)]*\) +(?!PROGRAM)(\S.*)$", told, re.MULTILINE):
        part = next((part for part, names in PARTS.items() if re.search(names, function)), "HTTP, signing, base64, the rest")
        counts[part] = counts.get(part, 0) + int(count.replace(",", ""))
    return counts


async def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("function", type=Path, metavar="FUNCTION.zip")
    arguments.add_argument("--runs", type=int, default=20)
    arguments.add_argument("--only", default="")
    arguments.add_argument("--instructions", action="store_true")
    arguments.add_argument("--folder", type=Path, default=Path("target/peers"))
    arguments = arguments.parse_args()
    folder = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    all_peers = [peer for peer in peers(arguments.function, folder) if arguments.only in peer.name]
    if os.cpu_count() > 1:
        os.sched_setaffinity(0, set(range(1, os.cpu_count())))
    plain, plain_readings = largest(plain_records())
    packed, packed_readings = largest(aggregated_records())
    fewer, fewer_readings = largest(aggregated_records(), enough=plain_readings)
    if arguments.instructions:
        for kind, event, readings in (("plain", plain, plain_readings), ("aggregated", packed, packed_readings)):
            parts = await instructions(all_peers[0], event, readings)
            print(f"{kind}: {sum(parts.values()):.0f} instructions a reading")
            # A stripped function has no names.
            if len(parts) > 1:
                for part, count in sorted(parts.items(), key=lambda pair: -pair[1]):
                    print(f"    {count:6.0f}  {part}")
        return
    print(f"Largest events: {plain_readings} plain readings ({len(plain) / 2**20:.2f} MiB), {packed_readings} aggregated "
          f"({len(packed) / 2**20:.2f} MiB). Load {os.getloadavg()[0]:.1f}.\n")
    print("| function | start → first response, ms | plain: CPU, wall, µs a reading | aggregated: CPU, wall, µs a reading "
          "| peak memory, MiB | zip, MiB |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as secrets:
        certificate, key = f"{secrets}/certificate.pem", f"{secrets}/key.pem"
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE",
            "-keyout", key, "-out", certificate, folder=secrets)
        tls = tls_of(certificate, key)
        for peer in all_peers:
            first = await first_response(peer, arguments.runs, certificate, tls)
            runs, aggregated = arguments.runs, (packed, packed_readings)
            if peer.one_by_one:
                runs, aggregated = min(runs, ONE_BY_ONE_RUNS), (fewer, fewer_readings)
            cpu, wall, peak = await throughput(peer, runs, plain, plain_readings)
            packed_cpu, packed_wall, packed_peak = await throughput(peer, runs, *aggregated)
            print(f"| {peer.name} | {first:.1f} | {cpu:.2f}, {wall:.2f} | {packed_cpu:.2f}, {packed_wall:.2f} "
                  f"| {max(peak, packed_peak):.0f} | {peer.size / 2**20:.2f} |", flush=True)
    print(f"\nMedians of {arguments.runs}. With PutItem the first response, too; CPU and wall are medians of "
          f"{min(arguments.runs, ONE_BY_ONE_RUNS)}, and the aggregated event has {fewer_readings} readings.")


if __name__ == "__main__":
    asyncio.run(main())
