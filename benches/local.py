#!/usr/bin/env python3
"""Measures the local cloud: start, memory, puts, reads, rows, and the latency from a reading to its row.

    benches/local.py target/release/sensorctl [SECONDS]

Measures whole processes on this machine, including clients, which share its cores. Each rate is measured for SECONDS
(5). Linux only (/proc). Prints a Markdown table.
"""
import json, multiprocessing, os, random, re, socket, statistics, subprocess, sys, tempfile, threading, time

from wire import Client, put_records

SHARDS = 4


class Cloud:
    """A local cloud. `home` may be that of an earlier one."""

    def __init__(self, sensorctl, home, *options):
        self.sensorctl, self.home = sensorctl, home
        self.environment = {"PATH": os.environ["PATH"], "HOME": home, "SENSORCTL_DATA_DIR": f"{home}/data"}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = free.getsockname()
        began = time.perf_counter()
        command = [sensorctl, "local", "run", "--port", str(self.address[1]), *options]
        self.process = subprocess.Popen(command, env=self.environment, stderr=subprocess.DEVNULL)
        while True:
            try:
                keys = json.load(open(f"{home}/data/keys.json"))
                self.key, self.secret = keys["access_key_id"], keys["secret_access_key"]
                self.client().ok("Kinesis_20131202.ListStreams")
                break
            except (OSError, ValueError):
                time.sleep(0.0005)
        self.start_ms = (time.perf_counter() - began) * 1000

    def client(self):
        return Client(self.address, self.key, self.secret)

    def run(self, *arguments):
        done = subprocess.run([self.sensorctl, "-q", *arguments], env=self.environment, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"sensorctl {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def memory(self, field):
        lines = open(f"/proc/{self.process.pid}/status").read().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def repeat(cloud, seconds, clients, target, bodies, content="application/x-amz-json-1.1"):
    """Returns the calls per second of this many clients, each a process with its own bodies."""

    def work(number, done):
        client, mine, count = cloud.client(), bodies(number), 0
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            status, answer = client.call(target, mine[count % len(mine)], content)
            if status != 200 or b'"ErrorCode"' in answer:
                raise SystemExit(f"{target}: {status} {answer[:300]}")
            count += 1
        done.put(count)

    done = multiprocessing.Queue()
    workers = [multiprocessing.Process(target=work, args=(number, done)) for number in range(clients)]
    began = time.perf_counter()
    [worker.start() for worker in workers]
    counts = [done.get() for _ in workers]
    took = time.perf_counter() - began
    [worker.join() for worker in workers]
    return sum(counts) / took


def records(stream, count, size):
    """Returns bodies of PutRecords over all shards."""

    def bodies(number):
        luck = random.Random(number)
        return [put_records(stream, [(str(luck.random()), luck.randbytes(size)) for _ in range(count)]) for _ in range(4)]

    return bodies


def items(count):
    """Returns bodies of BatchWriteItem as the function sends them: new keys and old ones."""

    def bodies(number):
        luck = random.Random(number)
        item = lambda: {
            "SensorId": {"S": f"sensor-{number}-{luck.randrange(1000)}"},
            "CurrentTime": {"N": str(luck.randrange(10**9))},
            "Temperature": {"N": str(round(luck.uniform(-20, 40), 2))},
            "ShardID": {"S": "shardId-000000000000"},
            "SequenceNumber": {"S": "4" * 56},
        }
        batch = lambda: {"SensorData": [{"PutRequest": {"Item": item()}} for _ in range(count)]}
        return [json.dumps({"RequestItems": batch()}).encode() for _ in range(400)]

    return bodies


def read_all(cloud, stream):
    """Returns the records per second of one reader per shard, from the oldest record to the newest."""

    def work(shard, done):
        client = cloud.client()
        start = client.ok(
            "Kinesis_20131202.GetShardIterator", StreamName=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
        )
        iterator, count = start["ShardIterator"], 0
        while True:
            body = json.dumps({"ShardIterator": iterator}).encode()
            status, answer = client.call("Kinesis_20131202.GetRecords", body)
            assert status == 200, answer[:300]
            count += answer.count(b'"SequenceNumber"')
            iterator = re.search(rb'"NextShardIterator":"([^"]+)"', answer)[1].decode()
            if b'"MillisBehindLatest":0' in answer:
                return done.put(count)

    done = multiprocessing.Queue()
    shards = [f"shardId-{number:012}" for number in range(SHARDS)]
    workers = [multiprocessing.Process(target=work, args=(shard, done)) for shard in shards]
    began = time.perf_counter()
    [worker.start() for worker in workers]
    count = sum(done.get() for _ in workers)
    took = time.perf_counter() - began
    [worker.join() for worker in workers]
    return count / took


def latencies(cloud, rate, seconds):
    """Returns the milliseconds from the put of a reading to its row, for up to 20 readings per second of the load."""
    stop, waiting, found = threading.Event(), [], []
    tick = max(1 / rate, 0.01)
    each = round(rate * tick)
    run = random.randrange(10**9)

    def watch():
        client = cloud.client()
        while waiting or not stop.is_set():
            for entry in list(waiting):
                sensor, moment, began = entry
                key = {"SensorId": {"S": sensor}, "CurrentTime": {"N": str(moment)}}
                if "Item" in client.ok("DynamoDB_20120810.GetItem", TableName="SensorData", Key=key, ConsistentRead=True):
                    found.append((time.perf_counter() - began) * 1000)
                    waiting.remove(entry)
            time.sleep(0.0005)

    watcher = threading.Thread(target=watch)
    watcher.start()
    client, began, number, sampled = cloud.client(), time.perf_counter(), 0, 0.0
    while (now := time.perf_counter()) < began + seconds:
        batch = []
        for at in range(each):
            number += 1
            sensor = f"s{run}-{number % 100}"
            reading = json.dumps({"sensor_id": sensor, "temperature": 1.5, "current_time": number})
            batch.append((sensor, reading.encode()))
        if now >= sampled + 0.05:
            waiting.append((sensor, number, time.perf_counter()))
            sampled = now
        status, answer = client.call("Kinesis_20131202.PutRecords", put_records("temperature-sensor-data", batch))
        assert status == 200 and json.loads(answer)["FailedRecordCount"] == 0, answer[:300]
        time.sleep(max(0, began + number / rate - time.perf_counter()))
    stop.set()
    watcher.join()
    found.sort()
    return statistics.median(found), found[int(len(found) * 0.99)], number / (time.perf_counter() - began)


def main(sensorctl, seconds):
    sensorctl = os.path.realpath(sensorctl)

    def row(what, figure):
        print(f"| {what} | {figure} |", flush=True)

    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n\n| what | figure |\n|---|---|")
    with tempfile.TemporaryDirectory() as home:
        def start():
            with Cloud(sensorctl, home) as cloud:
                return cloud.start_ms

        start()
        row("start to first answer, nothing there", f"{statistics.median(start() for _ in range(20)):.0f} ms")
        with Cloud(sensorctl, home) as cloud:
            client = cloud.client()
            client.ok("Kinesis_20131202.CreateStream", StreamName="large", ShardCount=SHARDS)
            rate = repeat(cloud, seconds, 1, "Kinesis_20131202.PutRecords", records("large", 50, 50_000))
            row("PutRecords of 50 KB records, 1 client", f"{rate * 50 * 0.05:.0f} MB/s")
            rate = repeat(cloud, seconds, 4, "Kinesis_20131202.PutRecords", records("large", 50, 50_000))
            row("… 4 clients", f"{rate * 50 * 0.05:.0f} MB/s")
        files = [name for _, _, names in os.walk(f"{home}/data/kinesis") for name in names]
        full = sum(os.path.getsize(os.path.join(path, name)) for path, _, names in os.walk(home) for name in names)
        figure = statistics.median(start() for _ in range(20))
        row(f"start to first answer, {full / 1e9:.1f} GB in {len(files)} files", f"{figure:.0f} ms")
    for durable in ["process", "full"]:
        with tempfile.TemporaryDirectory() as home, Cloud(sensorctl, home, "--durable", durable) as cloud:
            client = cloud.client()
            client.ok("Kinesis_20131202.CreateStream", StreamName="small", ShardCount=SHARDS)
            cloud.run("up", "--local")
            if durable == "process":
                time.sleep(3)
                row("memory when idle, pipeline up (VmRSS)", f"{cloud.memory('VmRSS'):.0f} MiB")
            for clients in [1, 8]:
                rate = repeat(cloud, seconds, clients, "Kinesis_20131202.PutRecords", records("small", 500, 100))
                row(f"PutRecords, 500 of 100 B, {clients} clients, --durable {durable}", f"{rate * 500:,.0f} records/s")
            if durable == "process":
                row("GetRecords, 4 readers", f"{read_all(cloud, 'small'):,.0f} records/s")
            for clients in [1, 8]:
                target, content = "DynamoDB_20120810.BatchWriteItem", "application/x-amz-json-1.0"
                rate = repeat(cloud, seconds, clients, target, items(25), content)
                row(f"BatchWriteItem of 25, {clients} clients, --durable {durable}", f"{rate * 25:,.0f} items/s")
            row(f"peak memory after that, --durable {durable}", f"{cloud.memory('VmHWM'):.0f} MiB")
    with tempfile.TemporaryDirectory() as home, Cloud(sensorctl, home) as cloud:
        cloud.run("up", "--local")
        for rate in [10, 1000]:
            p50, p99, reached = latencies(cloud, rate, max(seconds, 10))
            row(f"put to row at {rate} readings/s ({reached:,.0f} reached), p50, p99", f"{p50:.1f} ms, {p99:.1f} ms")


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 3:
        sys.exit(__doc__)
    main(sys.argv[1], float(sys.argv[2]) if len(sys.argv) == 3 else 5)
