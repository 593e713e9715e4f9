#!/usr/bin/env python3
"""Compares the same pipeline on sensorctl's local cloud and on ministack: readings per second, latency.

    python3 -m venv venv && venv/bin/pip install ministack boto3
    venv/bin/python benches/peers.py target/release/sensorctl [READINGS]

The same calls create the pipeline in both, one after the other: one shard, the same function zip (`provided.al2023`, in
each one's own executor), batches of 500. The same client puts the same readings, 500 per PutRecords, one per record. A
Python function, which only ministack runs, is measured as well. ministack keeps its state in memory, sensorctl on disk.
Linux only. Prints a Markdown table.
"""
import io, json, os, subprocess, sys, tempfile, time, zipfile

import boto3
from botocore.config import Config

from local import Cloud, latencies
from wire import Client, put_records

STREAM, TABLE, ROLE = "temperature-sensor-data", "SensorData", "bench"
POLICIES = ["service-role/AWSLambdaKinesisExecutionRole", "AmazonDynamoDBFullAccess"]
TRUST = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
PYTHON = '''
import base64, json, os
from decimal import Decimal
import boto3
table = boto3.resource("dynamodb", endpoint_url=os.environ["AWS_ENDPOINT_URL"], region_name="us-east-1").Table("SensorData")
def handler(event, context):
    with table.batch_writer(overwrite_by_pkeys=["SensorId", "CurrentTime"]) as batch:
        for record in event["Records"]:
            reading = json.loads(base64.b64decode(record["kinesis"]["data"]), parse_float=Decimal)
            batch.put_item(Item={
                "SensorId": reading["sensor_id"], "CurrentTime": reading["current_time"],
                "Temperature": reading["temperature"], "ShardID": record["eventID"].split(":")[0],
                "SequenceNumber": record["kinesis"]["sequenceNumber"]})
    return {"batchItemFailures": []}
'''


class Ministack:
    """A ministack of the Python that runs this script."""

    def __init__(self, home):
        self.key, self.secret, port = "test", "test", 4599
        self.address = ("127.0.0.1", port)
        environment = os.environ | {"GATEWAY_PORT": str(port), "HOME": home, "LOG_LEVEL": "ERROR"}
        environment["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{port}"
        log = open(f"{home}/ministack.log", "w")
        self.process = subprocess.Popen([sys.executable, "-m", "ministack"], env=environment, stdout=log, stderr=log)
        began = time.perf_counter()
        while True:
            try:
                self.client().ok("Kinesis_20131202.ListStreams")
                break
            except (OSError, ValueError, RuntimeError):
                if self.process.poll() is not None:
                    sys.exit(open(log.name).read())
                time.sleep(0.05)
        self.start_ms = (time.perf_counter() - began) * 1000

    def client(self):
        return Client(self.address, self.key, self.secret)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def make(cloud, runtime, code):
    """Creates the pipeline with calls of any AWS client."""
    address = f"http://{cloud.address[0]}:{cloud.address[1]}"
    def client(service):
        return boto3.client(service, endpoint_url=address, region_name="us-east-1", aws_access_key_id=cloud.key,
                            aws_secret_access_key=cloud.secret, config=Config(retries={"max_attempts": 1}))
    key = lambda name, kind: {"AttributeName": name, "KeyType": kind}
    client("dynamodb").create_table(
        TableName=TABLE, BillingMode="PAY_PER_REQUEST", KeySchema=[key("SensorId", "HASH"), key("CurrentTime", "RANGE")],
        AttributeDefinitions=[{"AttributeName": "SensorId", "AttributeType": "S"},
                              {"AttributeName": "CurrentTime", "AttributeType": "N"}])
    kinesis = client("kinesis")
    kinesis.create_stream(StreamName=STREAM, ShardCount=1)
    while (about := kinesis.describe_stream_summary(StreamName=STREAM)["StreamDescriptionSummary"])["StreamStatus"] != "ACTIVE":
        time.sleep(0.1)
    iam = client("iam")
    role = iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    for policy in POLICIES:
        iam.attach_role_policy(RoleName=ROLE, PolicyArn=f"arn:aws:iam::aws:policy/{policy}")
    functions = client("lambda")
    functions.create_function(
        FunctionName="bench", Runtime=runtime, Role=role, Handler="index.handler", Timeout=60, MemorySize=256,
        Code={"ZipFile": code}, Environment={"Variables": {"SENSORCTL_TABLE": TABLE}})
    while functions.get_function(FunctionName="bench")["Configuration"]["State"] != "Active":
        time.sleep(0.1)
    mapping = functions.create_event_source_mapping(
        EventSourceArn=about["StreamARN"], FunctionName="bench", StartingPosition="TRIM_HORIZON", BatchSize=500)
    while functions.get_event_source_mapping(UUID=mapping["UUID"])["State"] != "Enabled":
        time.sleep(0.1)


def reading(sensor, moment):
    return sensor, json.dumps({"sensor_id": sensor, "temperature": 21.5, "current_time": moment}).encode()


def put(client, batch):
    status, answer = client.call("Kinesis_20131202.PutRecords", put_records(STREAM, batch))
    if status != 200 or json.loads(answer)["FailedRecordCount"]:
        raise SystemExit(f"PutRecords: {status} {answer[:300]}")


def through(cloud, count):
    """Returns the readings per second from the first put to the last row, and to the last put."""
    client = cloud.client()
    readings = [reading(f"sensor-{number % 1000}", 1_700_000_000 + number // 1000) for number in range(count)]
    began = time.perf_counter()
    for at in range(0, count, 500):
        put(client, readings[at : at + 500])
    taken = time.perf_counter() - began
    # One shard, read in its order: the second canary is stored after every earlier batch.
    for moment in (1, 2):
        put(client, [reading("marker", moment)])
        key = {"SensorId": {"S": "marker"}, "CurrentTime": {"N": str(moment)}}
        while "Item" not in client.ok("DynamoDB_20120810.GetItem", TableName=TABLE, Key=key, ConsistentRead=True):
            time.sleep(0.002)
    took = time.perf_counter() - began
    rows, start = 0, {}
    while True:
        page = client.ok("DynamoDB_20120810.Scan", TableName=TABLE, Select="COUNT", **start)
        rows += page["Count"]
        if "LastEvaluatedKey" not in page:
            break
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    if rows != count + 2:
        raise SystemExit(f"{rows} rows of {count} readings and 2 markers")
    return count / took, count / taken


def zipped(name, text):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, text)
    return buffer.getvalue()


def main(sensorctl, count):
    sensorctl = os.path.realpath(sensorctl)
    with tempfile.TemporaryDirectory() as work:
        subprocess.run([sensorctl, "-q", "export", "function-zip", f"{work}/function.zip"], check=True)
        function = open(f"{work}/function.zip", "rb").read()
    print(f"{count:,} readings, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    print("| | readings/s into the stream | readings/s to rows | put to row at 10/s, p50, p99 |\n|---|---|---|---|")
    figures = {}
    for name, runtime, code in [
        ("sensorctl", "provided.al2023", function),
        ("ministack, the same function", "provided.al2023", function),
        ("ministack, a Python function", "python3.11", zipped("index.py", PYTHON)),
    ]:
        with tempfile.TemporaryDirectory() as home:
            try:
                start = Cloud(sensorctl, home) if name == "sensorctl" else Ministack(home)
                with start as cloud:
                    make(cloud, runtime, code)
                    # The first event starts the function.
                    through(cloud, 0)
                    cloud.client().ok("DynamoDB_20120810.Scan", TableName=TABLE)
                    for moment in ("1", "2"):
                        key = {"SensorId": {"S": "marker"}, "CurrentTime": {"N": moment}}
                        cloud.client().ok("DynamoDB_20120810.DeleteItem", TableName=TABLE, Key=key)
                    figures[name], taken = through(cloud, count)
                    p50, p99, _ = latencies(cloud, 10, 10)
                    print(f"| {name} | {taken:,.0f} | {figures[name]:,.0f} | {p50:.1f} ms, {p99:.1f} ms |", flush=True)
            except Exception as error:
                print(f"| {name} | it cannot: {type(error).__name__}: {error} | | |", flush=True)
    peers = [figure for name, figure in figures.items() if name != "sensorctl"]
    if peers and "sensorctl" in figures:
        print(f"\n{figures['sensorctl'] / max(peers):.1f} times the best of ministack")


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 3:
        sys.exit(__doc__)
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) == 3 else 50_000)
