#!/usr/bin/env python3
"""Measures how the local cloud's times grow with its data: doubles the size four times and prints the exponent.

    benches/growth.py target/release/sensorctl [GROUP...] [--to SIZE]

Groups: scan, sensor, indexes, stream, logs, pipeline, names; all by default. --to leaves out larger sizes.
The exponent is the slope of log(time) over log(size) by least squares: 0 is constant, 1 is linear. Times below a tenth of
a millisecond are taken as a tenth. A time of one call is the median of 20. Linux only (/proc). Prints Markdown tables.
"""
import json, math, multiprocessing, os, re, statistics, subprocess, sys, tempfile, time

from local import Cloud
from wire import put_records

JSON_1_0 = "application/x-amz-json-1.0"
DYNAMODB, KINESIS, LOGS = "DynamoDB_20120810.", "Kinesis_20131202.", "Logs_20140328."
WRITERS = 2
SENSORS = 1000


def doubled(first, *more):
    return [first << times for times in range(5)] + list(more)


class Table:
    """Prints times by size as a Markdown table."""

    def __init__(self, title, sizes):
        self.title, self.sizes, self.rows = title, sizes, {}

    def note(self, what, seconds):
        self.rows.setdefault(what, []).append(seconds)

    def print(self):
        sizes = self.sizes
        print(f"\n| {self.title} | {' | '.join(f'{size:,}' for size in sizes)} | exponent |")
        print(f"|---|{'---|' * len(sizes)}---|")
        for what, values in self.rows.items():
            is_memory = what.endswith("memory")
            cells = [f"{value:.0f} MiB" if is_memory else shown(value) for value in values]
            print(f"| {what} | {' | '.join(cells)} | {exponent(sizes, values, 1 if is_memory else 1e-4):.2f} |", flush=True)


def shown(seconds):
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.{1 if seconds < 0.1 else 0}f} ms"


def exponent(sizes, values, least):
    points = [(math.log(size), math.log(max(value, least))) for size, value in zip(sizes, values)]
    if len(points) < 2:
        return math.nan
    mean_x, mean_y = (statistics.mean(axis) for axis in zip(*points))
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)


def timed(work):
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def median(work, times=20):
    return statistics.median(timed(work) for _ in range(times))


def fill(cloud, target, content, numbers, body):
    """Sends a call with a body for each number, from WRITERS processes."""

    def work(mine):
        client = cloud.client()
        for number in mine:
            status, answer = client.call(target, body(number), content)
            if status != 200 or b'"ErrorCode"' in answer or b'"UnprocessedItems":{"' in answer:
                raise SystemExit(f"{target}: {status} {answer[:300]}")

    workers = [multiprocessing.Process(target=work, args=(numbers[at::WRITERS],)) for at in range(WRITERS)]
    [worker.start() for worker in workers]
    [worker.join() for worker in workers]
    if any(worker.exitcode for worker in workers):
        sys.exit(f"{target} failed")


def create_table(client, name, **more):
    key = lambda hash, range: [{"AttributeName": hash, "KeyType": "HASH"}, {"AttributeName": range, "KeyType": "RANGE"}]
    attributes = [("SensorId", "S"), ("CurrentTime", "N")] + ([("Temperature", "N")] if more else [])
    client.ok(
        DYNAMODB + "CreateTable", JSON_1_0, TableName=name, BillingMode="PAY_PER_REQUEST",
        KeySchema=key("SensorId", "CurrentTime"),
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": kind} for name, kind in attributes], **more,
    )


def rows(table, sensor, first, count=25):
    """Returns a BatchWriteItem of rows as the function stores them."""
    puts = [
        {"PutRequest": {"Item": {
            "SensorId": {"S": sensor(number)},
            "CurrentTime": {"N": str(1700000000 + number)},
            "Temperature": {"N": str(number % 400 / 10)},
            "ShardID": {"S": "shardId-000000000000"},
            "SequenceNumber": {"S": f"{number:056}"},
        }}}
        for number in range(first, first + count)
    ]
    return json.dumps({"RequestItems": {table: puts}}).encode()


def add_rows(cloud, table, sensor, first, end):
    fill(cloud, DYNAMODB + "BatchWriteItem", JSON_1_0, range(first, end, 25), lambda number: rows(table, sensor, number))


def pages(client, operation, request):
    """Counts the items in all pages of a Scan or Query."""
    count, key = 0, None
    while True:
        if key:
            request = {**request, "ExclusiveStartKey": json.loads(key)}
        status, answer = client.call(DYNAMODB + operation, json.dumps(request).encode(), JSON_1_0)
        assert status == 200, answer[:300]
        count += int(re.search(rb'"Count":(\d+)', answer)[1])
        found = re.search(rb'"LastEvaluatedKey":(\{.*?\}\})', answer)
        key = found and found[1]
        if not key:
            return count


def expect(size, count):
    assert count == size, f"{count} instead of {size}"


def scan_by_command(cloud, size, *more):
    """Counts the rows that `sensorctl scan` prints."""
    command = [cloud.sensorctl, "-q", "scan", "--local", "-o", "ndjson", *more]
    process = subprocess.Popen(command, env=cloud.environment, stdout=subprocess.PIPE)
    count = 0
    while chunk := process.stdout.read(1 << 20):
        count += chunk.count(b"\n")
    assert process.wait() == 0
    expect(size, count)


def together(works):
    processes = [multiprocessing.Process(target=work) for work in works]
    [process.start() for process in processes]
    [process.join() for process in processes]
    assert not any(process.exitcode for process in processes)


def started(sensorctl, home):
    """Returns the seconds to the first response of a local cloud with the existing data."""

    def start():
        with Cloud(sensorctl, home) as cloud:
            return cloud.start_ms / 1000

    return statistics.median(start() for _ in range(5))


def grow(sensorctl, table, step):
    """Calls `step(cloud, first, end)` for each size, each time with a newly started local cloud."""
    with tempfile.TemporaryDirectory() as home:
        first = 0
        for size in table.sizes:
            with Cloud(sensorctl, home) as cloud:
                step(cloud, first, size)
                with open(f"/proc/{cloud.process.pid}/status") as status:
                    table.note("peak memory", int(re.search(r"VmHWM:\s+(\d+)", status.read())[1]) / 1024)
            table.note("start to first answer", started(sensorctl, home))
            first = size
    table.print()


def scan(sensorctl, to):
    table = Table(f"rows of {SENSORS} sensors", to(doubled(50_000, 2_000_000)))
    sensor = lambda number: f"sensor-{number % SENSORS}"

    def step(cloud, first, size):
        client = cloud.client()
        if first == 0:
            create_table(client, "SensorData")
        add_rows(cloud, "SensorData", sensor, first, size)
        describe = lambda: client.ok(DYNAMODB + "DescribeTable", JSON_1_0, TableName="SensorData")
        table.note("DescribeTable, the first", timed(describe))
        table.note("DescribeTable, later", median(describe))
        put = rows("SensorData", sensor, 0)
        table.note("BatchWriteItem of 25", median(lambda: client.call(DYNAMODB + "BatchWriteItem", put, JSON_1_0)))
        key = {"SensorId": {"S": "sensor-7"}, "CurrentTime": {"N": "1700000007"}}
        table.note("GetItem", median(lambda: client.ok(DYNAMODB + "GetItem", JSON_1_0, TableName="SensorData", Key=key)))
        scan = {"TableName": "SensorData"}
        table.note("a page of Scan", median(lambda: client.ok(DYNAMODB + "Scan", JSON_1_0, **scan)))
        table.note("Scan, all pages", timed(lambda: expect(size, pages(client, "Scan", scan))))
        cold = {
            "FilterExpression": "Temperature < :cold", "ExpressionAttributeValues": {":cold": {"N": "0"}}, "Select": "COUNT"
        }
        table.note("Scan, all pages, COUNT with a filter", timed(lambda: expect(0, pages(client, "Scan", {**scan, **cold}))))
        # The cost of the command itself does not grow.
        least = median(lambda: scan_by_command(cloud, 1, "--limit", "1"), 5)
        taken = min(timed(lambda: scan_by_command(cloud, size)) for _ in range(2))
        table.note("`scan`, 4 segments, less `scan --limit 1`", taken - least)
        with open(f"/proc/{cloud.process.pid}/clear_refs", "w") as refs:
            refs.write("5")
        table.note("4 × `scan` at once", timed(lambda: together([lambda: scan_by_command(cloud, size)] * 4)))
        table.note("its peak memory", cloud.memory("VmHWM"))

    grow(sensorctl, table, step)


def sensor(sensorctl, to):
    table = Table("rows of one sensor", to(doubled(62_500)))

    def step(cloud, first, size):
        client = cloud.client()
        if first == 0:
            create_table(client, "SensorData")
        add_rows(cloud, "SensorData", lambda _: "sensor-1", first, size)
        query = {
            "TableName": "SensorData", "KeyConditionExpression": "SensorId = :s",
            "ExpressionAttributeValues": {":s": {"S": "sensor-1"}},
        }
        table.note("Query, all pages", timed(lambda: expect(size, pages(client, "Query", query))))
        back = {**query, "ScanIndexForward": False}
        table.note("Query, all pages, backwards", timed(lambda: expect(size, pages(client, "Query", back))))
        table.note("a page of Query", median(lambda: client.ok(DYNAMODB + "Query", JSON_1_0, **query)))
        table.note("Query, Limit 10", median(lambda: client.ok(DYNAMODB + "Query", JSON_1_0, **query, Limit=10)))
        middle = {**query, "KeyConditionExpression": "SensorId = :s AND CurrentTime BETWEEN :a AND :b"}
        values = {":a": {"N": str(1700000000 + size // 2)}, ":b": {"N": str(1700000009 + size // 2)}}
        middle["ExpressionAttributeValues"] = {**query["ExpressionAttributeValues"], **values}
        table.note("Query, 10 rows of the middle", median(lambda: client.ok(DYNAMODB + "Query", JSON_1_0, **middle)))
        table.note("`scan --sensor`", timed(lambda: scan_by_command(cloud, size, "--sensor", "sensor-1")))
        limited = lambda: scan_by_command(cloud, 10, "--sensor", "sensor-1", "--limit", "10")
        table.note("`scan --sensor --limit 10`", median(limited, 5))
        select = {"Statement": "SELECT * FROM SensorData WHERE SensorId = 'sensor-1'"}
        table.note("a page of SELECT", median(lambda: client.ok(DYNAMODB + "ExecuteStatement", JSON_1_0, **select), 5))

    grow(sensorctl, table, step)


def indexes(sensorctl, to):
    table = Table("rows of a table with a global and a local index", to(doubled(12_500)))
    key = lambda hash, range: [{"AttributeName": hash, "KeyType": "HASH"}, {"AttributeName": range, "KeyType": "RANGE"}]
    index = lambda name, key: [{"IndexName": name, "KeySchema": key, "Projection": {"ProjectionType": "ALL"}}]
    more = {
        "GlobalSecondaryIndexes": index("global", key("Temperature", "CurrentTime")),
        "LocalSecondaryIndexes": index("local", key("SensorId", "Temperature")),
    }

    def step(cloud, first, size):
        client = cloud.client()
        if first == 0:
            create_table(client, "Indexed", **more)
        taken = timed(lambda: add_rows(cloud, "Indexed", lambda number: f"sensor-{number % 4}", first, size))
        table.note("BatchWriteItem of 25, while it is filled", taken * WRITERS * 25 / (size - first))
        for name, condition in [("global", "Temperature = :k"), ("local", "SensorId = :k")]:
            scan = {"TableName": "Indexed", "IndexName": name}
            table.note(f"Scan of the {name} index, all pages", timed(lambda: expect(size, pages(client, "Scan", scan))))
            value = {":k": {"N": "1.7"} if name == "global" else {"S": "sensor-1"}}
            query = {**scan, "KeyConditionExpression": condition, "ExpressionAttributeValues": value}
            part = len(range(17, size, 400)) if name == "global" else size // 4
            found = timed(lambda: expect(part, pages(client, "Query", query)))
            table.note(f"Query of the {name} index, all pages", found)
            if name == "local":
                table.note("a page of it", median(lambda: client.ok(DYNAMODB + "Query", JSON_1_0, **query)))

    grow(sensorctl, table, step)


def stream(sensorctl, to):
    table = Table("records of 100 bytes, 1 shard", to(doubled(312_500)))
    body = put_records("records", [(f"key-{number}", b"x" * 100) for number in range(500)])
    middle = {}

    def step(cloud, first, size):
        client = cloud.client()
        if first == 0:
            client.ok(KINESIS + "CreateStream", StreamName="records", ShardCount=1)
        shard = {"StreamName": "records", "ShardId": "shardId-000000000000"}

        def read(kind, limit, **more):
            start = client.ok(KINESIS + "GetShardIterator", **shard, ShardIteratorType=kind, **more)
            return client.ok(KINESIS + "GetRecords", ShardIterator=start["ShardIterator"], Limit=limit)

        table.note("first LATEST after a start", timed(lambda: read("LATEST", 100)))
        fill(cloud, KINESIS + "PutRecords", "application/x-amz-json-1.1", range(first, size, 500), lambda _: body)
        middle.setdefault("at", time.time())
        table.note("PutRecords of 500", median(lambda: client.call(KINESIS + "PutRecords", body)))
        table.note("100 records, TRIM_HORIZON", median(lambda: read("TRIM_HORIZON", 100)))
        table.note("100 records, AT_TIMESTAMP", median(lambda: read("AT_TIMESTAMP", 100, Timestamp=middle["at"])))
        table.note("100 records, LATEST", median(lambda: read("LATEST", 100)))

        def read_all():
            start = client.ok(KINESIS + "GetShardIterator", **shard, ShardIteratorType="TRIM_HORIZON")
            iterator, count = start["ShardIterator"], 0
            while True:
                status, answer = client.call(KINESIS + "GetRecords", json.dumps({"ShardIterator": iterator}).encode())
                assert status == 200, answer[:300]
                count += answer.count(b'"SequenceNumber"')
                iterator = re.search(rb'"NextShardIterator":"([^"]+)"', answer)[1].decode()
                if b'"MillisBehindLatest":0' in answer:
                    return count

        assert first == 0 or read_all() >= size
        table.note("GetRecords, all", timed(read_all))

    grow(sensorctl, table, step)


def logs(sensorctl, to):
    table = Table("events of one log stream", to(doubled(62_500)))
    name = {"logGroupName": "events", "logStreamName": "one"}

    def body(number):
        events = [{"timestamp": at // 10, "message": f"event {at} of many, as long as a line is"} for at in range(number, number + 500)]
        return json.dumps({**name, "logEvents": events}).encode()

    def all_pages(client, operation, token, **request):
        count = 0
        while True:
            answer = client.ok(LOGS + operation, **request)
            count += len(answer["events"])
            if not answer["events"] or token not in answer:
                return count
            request["nextToken"] = answer[token]

    def step(cloud, first, size):
        client = cloud.client()
        if first == 0:
            client.ok(LOGS + "CreateLogGroup", logGroupName="events")
            client.ok(LOGS + "CreateLogStream", **name)
        bodies, made = [body(number) for number in range(first, size, 500)], []
        for number in bodies:
            made.append(timed(lambda: client.call(LOGS + "PutLogEvents", number)))
        table.note("PutLogEvents of 500", statistics.median(made[-20:]))
        latest = lambda: client.ok(LOGS + "GetLogEvents", **name, limit=100)
        table.note("GetLogEvents, the first", timed(latest))
        table.note("GetLogEvents, the latest 100", median(latest))
        forward = lambda: all_pages(client, "GetLogEvents", "nextForwardToken", **name, startFromHead=True)
        table.note("GetLogEvents, all pages", timed(lambda: expect(size, forward())))
        backward = lambda: all_pages(client, "GetLogEvents", "nextBackwardToken", **name)
        table.note("GetLogEvents, all pages, backwards", timed(lambda: expect(size, backward())))
        every = lambda: all_pages(client, "FilterLogEvents", "nextToken", logGroupName="events")
        table.note("FilterLogEvents, all pages", timed(lambda: expect(size, every())))
        rare = lambda: all_pages(client, "FilterLogEvents", "nextToken", logGroupName="events", filterPattern='"event 7 of"')
        table.note("FilterLogEvents, one event found", timed(lambda: expect(1, rare())))
        since = {"logGroupName": "events", "startTime": size // 10 - 10}
        table.note("FilterLogEvents, since lately", median(lambda: client.ok(LOGS + "FilterLogEvents", **since)))
        table.note("DescribeLogStreams", median(lambda: client.ok(LOGS + "DescribeLogStreams", logGroupName="events")))

    grow(sensorctl, table, step)


def pipeline(sensorctl, to):
    table = Table("readings through the pipeline", to(doubled(12_500)))

    def put(cloud, client, first, end):
        """Returns the seconds until the last reading is a row."""

        def body(number):
            reading = lambda at: json.dumps({"sensor_id": f"s{at % 100}", "temperature": 1.5, "current_time": at}).encode()
            return put_records("temperature-sensor-data", [(f"s{at % 100}", reading(at)) for at in range(number, number + 500)])

        began = time.perf_counter()
        for number in range(first, end, 500):
            status, answer = client.call(KINESIS + "PutRecords", body(number))
            assert status == 200 and b'"ErrorCode"' not in answer, answer[:300]
        # In each shard.
        for at in range(end - 100, end):
            key = {"SensorId": {"S": f"s{at % 100}"}, "CurrentTime": {"N": str(at)}}
            while "Item" not in client.ok(DYNAMODB + "GetItem", JSON_1_0, TableName="SensorData", Key=key):
                time.sleep(0.01)
        return time.perf_counter() - began

    def step(cloud, first, size):
        client = cloud.client()
        cloud.run("up", "--local", "--yes")
        table.note("put to the last row, for each 12,500", put(cloud, client, first, size) * 12_500 / (size - first))

    grow(sensorctl, table, step)
    shards = Table("shards, and places in a checkpoint", to(doubled(1)))

    def step_with_shards(cloud, first, size):
        client = cloud.client()
        cloud.run("up", "--local", "--yes", "--set", f"stream.shards={size}")
        shards.note("12,500 readings, put to the last row", put(cloud, client, size * 100_000, size * 100_000 + 12_500))

    grow(sensorctl, shards, step_with_shards)


def names(sensorctl, to):
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    trust = json.dumps({"Version": "2012-10-17", **trust})

    def form(client, **fields):
        status, answer = client.form("iam", Version="2010-05-08", **fields)
        assert status == 200, answer[:300]
        return answer

    def all_roles(client):
        count, more = 0, {}
        while True:
            answer = form(client, Action="ListRoles", **more)
            count += answer.count(b"<RoleName>")
            marker = re.search(rb"<Marker>([^<]+)", answer)
            if not marker:
                return count
            more = {"Marker": marker[1].decode()}

    def all_names(client, target, key, start, content="application/x-amz-json-1.1"):
        count, more = 0, {}
        while True:
            answer = client.ok(target, content, **more)
            count += len(answer[key])
            if not (answer.get("HasMoreStreams") or answer.get("LastEvaluatedTableName")):
                return count
            more = {start: answer[key][-1]}

    def roles(cloud, table, first, size):
        client, made = cloud.client(), []
        for number in range(first, size):
            made.append(timed(lambda: form(client, Action="CreateRole", RoleName=f"role-{number}", AssumeRolePolicyDocument=trust)))
        table.note("CreateRole", statistics.median(made[-20:]))
        table.note("ListRoles, all pages", median(lambda: expect(size, all_roles(client))))
        table.note("GetRole", median(lambda: form(client, Action="GetRole", RoleName="role-7")))

    def streams(cloud, table, first, size):
        client, made = cloud.client(), []
        for number in range(first, size):
            made.append(timed(lambda: client.ok(KINESIS + "CreateStream", StreamName=f"stream-{number}", ShardCount=1)))
        table.note("CreateStream", statistics.median(made[-20:]))
        all_streams = lambda: all_names(client, KINESIS + "ListStreams", "StreamNames", "ExclusiveStartStreamName")
        table.note("ListStreams, all pages", median(lambda: expect(size, all_streams())))

    def tables(cloud, table, first, size):
        client, made = cloud.client(), []
        for number in range(first, size):
            made.append(timed(lambda: create_table(client, f"table-{number}")))
        table.note("CreateTable", statistics.median(made[-20:]))
        table.note("Scan, the first", timed(lambda: pages(client, "Scan", {"TableName": "table-0"})))
        table.note("Scan, later", median(lambda: pages(client, "Scan", {"TableName": "table-0"})))
        all_tables = lambda: all_names(client, DYNAMODB + "ListTables", "TableNames", "ExclusiveStartTableName", JSON_1_0)
        table.note("ListTables, all pages", median(lambda: expect(size, all_tables())))

    def mappings(cloud, table, first, size):
        client, made = cloud.client(), []
        path = "/2015-03-31/event-source-mappings"
        if first == 0:
            cloud.run("up", "--local", "--yes")
            every = {"Effect": "Allow", "Action": "kinesis:*", "Resource": "*"}
            every = json.dumps({"Version": "2012-10-17", "Statement": [every]})
            form(client, Action="PutRolePolicy", RoleName="kinesis-lambda-dynamodb", PolicyName="all", PolicyDocument=every)
        for number in range(max(first, 1), size):
            client.ok(KINESIS + "CreateStream", StreamName=f"stream-{number}", ShardCount=1)
            arn = f"arn:aws:kinesis:us-east-1:000000000000:stream/stream-{number}"
            make = dict(EventSourceArn=arn, FunctionName="ProcessKinesisRecords", StartingPosition="TRIM_HORIZON", Enabled=False)
            made.append(timed(lambda: client.rest("POST", path, **make)))

        def all_mappings():
            count, query = 0, ""
            while True:
                answer = client.rest("GET", path, query)
                count += len(answer["EventSourceMappings"])
                if not answer.get("NextMarker"):
                    return count
                query = f"Marker={answer['NextMarker']}"

        table.note("CreateEventSourceMapping", statistics.median(made[-20:]))
        table.note("ListEventSourceMappings, all pages", median(lambda: expect(size, all_mappings())))

    def log_streams(cloud, table, first, size):
        client, made = cloud.client(), []
        if first == 0:
            client.ok(LOGS + "CreateLogGroup", logGroupName="streams")
        for number in range(first, size):
            name = {"logGroupName": "streams", "logStreamName": f"stream-{number}"}
            made.append(timed(lambda: client.ok(LOGS + "CreateLogStream", **name)))
            client.ok(LOGS + "PutLogEvents", **name, logEvents=[{"timestamp": number, "message": "x"}])
        table.note("CreateLogStream", statistics.median(made[-20:]))
        latest = {"logGroupName": "streams", "orderBy": "LastEventTime", "descending": True, "limit": 1}
        table.note("DescribeLogStreams, the latest", median(lambda: client.ok(LOGS + "DescribeLogStreams", **latest)))
        table.note("DescribeLogStreams, a page", median(lambda: client.ok(LOGS + "DescribeLogStreams", logGroupName="streams")))
        table.note("FilterLogEvents", median(lambda: client.ok(LOGS + "FilterLogEvents", logGroupName="streams", limit=10)))

    # The quota of an account is 500 shards.
    for title, first, step in [
        ("roles", 60, roles), ("streams", 30, streams), ("tables", 50, tables), ("mappings", 25, mappings),
        ("log streams", 250, log_streams),
    ]:
        table = Table(title, to(doubled(first)))
        grow(sensorctl, table, lambda cloud, first, size: step(cloud, table, first, size))


def main(sensorctl, groups, limit):
    to = lambda sizes: [size for size in sizes if size <= limit]
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for group in groups or [scan, sensor, indexes, stream, logs, pipeline, names]:
        group(os.path.realpath(sensorctl), to)


if __name__ == "__main__":
    arguments, limit = sys.argv[1:], math.inf
    if "--to" in arguments:
        at = arguments.index("--to")
        limit = int(arguments[at + 1])
        del arguments[at:at + 2]
    known = {group.__name__: group for group in [scan, sensor, indexes, stream, logs, pipeline, names]}
    if not arguments or not set(arguments[1:]) <= set(known):
        sys.exit(__doc__)
    main(arguments[0], [known[name] for name in arguments[1:]], limit)
