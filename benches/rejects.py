#!/usr/bin/env python3
"""Measures `rejects replay`: readings a second, CPU and memory, and what a SIGKILL in the middle leaves.

    benches/rejects.py target/release/sensorctl [DEAD_LETTERS]

Writes DEAD_LETTERS (10,000) whose temperature is a number in quotes to the dead-letter table of a local cloud with a
pipeline, as the function does, and replays them with `--coerce`: each is put into the stream, stored by the function,
read back and deleted. Then the same with other readings, killed after half of the time that the first took, and run
again; both tables are counted. Whole processes on this machine. Linux only (wait4). Prints a Markdown table.
"""
import base64, json, os, signal, subprocess, sys, tempfile, time

from local import Cloud

TABLE, SHARD, BATCH = "SensorDataRejects", "shardId-000000000000", 25


def item(number, time_of_reading):
    reading = {"sensor_id": f"sensor-{number % 1000}", "temperature": "21.5", "current_time": time_of_reading}
    text = lambda text: {"S": text}
    return {
        "ShardId": text(SHARD), "RejectId": text(f"{10**6 + number}#0000000#000"), "SequenceNumber": text(str(10**6 + number)),
        "PartitionKey": text(reading["sensor_id"]), "Code": text("wrong-type"),
        "Reason": text("`temperature` is not a number"), "ExpiresAt": {"N": "4102444800"}, "Parts": {"N": "1"},
        "ArrivalTime": {"N": "1700000000.5"}, "Data": {"B": base64.b64encode(json.dumps(reading).encode()).decode()},
    }


def fill(client, count, first_time):
    items = [{"PutRequest": {"Item": item(number, first_time + number)}} for number in range(count)]
    for begin in range(0, count, BATCH):
        client.ok("DynamoDB_20120810.BatchWriteItem", RequestItems={TABLE: items[begin:begin + BATCH]})


def count(client, table):
    found, start = 0, {}
    while True:
        page = client.ok("DynamoDB_20120810.Scan", TableName=table, Select="COUNT", **start)
        found += page["Count"]
        if not page.get("LastEvaluatedKey"):
            return found
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def replay(cloud, kill_after=None):
    """Returns the report, the seconds, the CPU seconds and the peak memory; a killed replay has no report."""
    command = [cloud.sensorctl, "-q", "rejects", "replay", "--local", "--yes", "--coerce", "-o", "json"]
    began = time.perf_counter()
    process = subprocess.Popen(command, env=cloud.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if kill_after:
        time.sleep(kill_after)
        process.send_signal(signal.SIGKILL)
    out, err = process.stdout.read(), process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    took = time.perf_counter() - began
    if status != 0 and not kill_after:
        sys.exit(f"{command}: {status} {err[-500:]}")
    return json.loads(out or "{}"), took, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main(sensorctl, letters):
    with tempfile.TemporaryDirectory() as home, Cloud(os.path.realpath(sensorctl), home) as cloud:
        cloud.run("up", "--local", "-o", "json")
        client = cloud.client()
        fill(client, letters, 0)
        report, took, cpu, peak = replay(cloud)
        assert report["found"] == report["replayed"] == letters, report
        assert (count(client, TABLE), count(client, "SensorData")) == (0, letters)
        fill(client, letters, 10**6)
        replay(cloud, kill_after=took / 2)
        left = count(client, TABLE)
        again, took_again, _, _ = replay(cloud)
        assert again["found"] == again["replayed"] == left, again
        assert (count(client, TABLE), count(client, "SensorData")) == (0, 2 * letters), "nothing lost, nothing doubled"
    print(f"{letters:,} dead letters, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    print("| replay | wall | readings/s | client CPU a reading | peak memory |")
    print("|---|---|---|---|---|")
    print(f"| all | {took:.2f} s | {letters / took:,.0f} | {cpu / letters * 1e6:.0f} µs | {peak:.0f} MiB |")
    print(f"| killed after {took / 2:.1f} s, again: {left:,} were left, {again['already_stored']:,} of them stored already "
          f"| {took_again:.2f} s | {left / took_again:,.0f} | | |")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1], int((sys.argv[2:] + ["10000"])[0]))
