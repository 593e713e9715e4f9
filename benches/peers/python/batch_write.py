"""BatchWriteItem of 25 with eight requests in flight; the last reading of a key wins."""
import os, random, time
from concurrent.futures import ThreadPoolExecutor
import boto3
from readings import items
from runtime import serve

client = boto3.client("dynamodb")
TABLE = os.environ.get("SENSORCTL_TABLE", "SensorData")
workers = ThreadPoolExecutor(8)


def write(batch):
    requests, pause = [{"PutRequest": {"Item": item}} for item in batch], 0.025
    while requests:
        answer = client.batch_write_item(RequestItems={TABLE: requests})
        requests = answer["UnprocessedItems"].get(TABLE)
        if requests:
            time.sleep(pause * random.random())
            pause = min(2 * pause, 2)


def handler(event):
    last = list({(item["SensorId"]["S"], item["CurrentTime"]["N"]): item for item in items(event)}.values())
    list(workers.map(write, (last[first : first + 25] for first in range(0, len(last), 25))))
    return {"batchItemFailures": []}


serve(handler)
