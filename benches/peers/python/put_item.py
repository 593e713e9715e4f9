"""The design of the walkthrough: one PutItem for each reading, eight in flight. botocore keeps its connections alive."""
import os
from concurrent.futures import ThreadPoolExecutor
import boto3
from readings import items
from runtime import serve

client = boto3.client("dynamodb")
TABLE = os.environ.get("SENSORCTL_TABLE", "SensorData")


workers = ThreadPoolExecutor(8)


def handler(event):
    list(workers.map(lambda item: client.put_item(TableName=TABLE, Item=item), items(event)))
    return {"batchItemFailures": []}


serve(handler)
