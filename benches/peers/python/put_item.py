"""The design of the walkthrough: one PutItem for each reading. botocore keeps its connections alive."""
import os
import boto3
from readings import items
from runtime import serve

client = boto3.client("dynamodb")
TABLE = os.environ.get("SENSORCTL_TABLE", "SensorData")


def handler(event):
    for item in items(event):
        client.put_item(TableName=TABLE, Item=item)
    return {"batchItemFailures": []}


serve(handler)
