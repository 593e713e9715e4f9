"""A minimal client of the Runtime API, in the way of Python's managed runtime."""
import http.client, json, os


def serve(handler):
    connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])

    def call(method, path, body=None):
        connection.request(method, f"/2018-06-01/runtime/invocation/{path}", body)
        answer = connection.getresponse()
        return answer.headers, answer.read()

    while True:
        headers, event = call("GET", "next")
        request = headers["Lambda-Runtime-Aws-Request-Id"]
        try:
            call("POST", f"{request}/response", json.dumps(handler(json.loads(event))))
        except Exception as error:
            call("POST", f"{request}/error", json.dumps({"errorType": type(error).__name__, "errorMessage": str(error)}))
