"""A client that costs next to nothing: AWS calls over one kept connection, bodies made beforehand. No signature: the
local cloud looks at the key alone, and so do its peers."""
import base64, json, socket


class Client:
    def __init__(self, address, key):
        self.address, self.key, self.socket = address, key, None

    def call(self, target, body, content="application/x-amz-json-1.1"):
        """Status and body of a call; the body goes and comes as bytes."""
        service = target.split("_")[0].lower()
        head = (
            f"POST / HTTP/1.1\r\nHost: {self.address[0]}:{self.address[1]}\r\nX-Amz-Target: {target}\r\n"
            f"Content-Type: {content}\r\nX-Amz-Date: 20260101T000000Z\r\nAuthorization: AWS4-HMAC-SHA256 "
            f"Credential={self.key}/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode()
        if self.socket is None:
            self.socket = socket.create_connection(self.address)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(head + body)
        return self._answer()

    def _answer(self):
        buffer = b""
        while b"\r\n\r\n" not in buffer:
            buffer += self._more()
        head, _, rest = buffer.partition(b"\r\n\r\n")
        lines = head.decode().lower().split("\r\n")
        fields = dict(line.split(": ", 1) for line in lines[1:])
        parts, missing = [rest], int(fields["content-length"]) - len(rest)
        while missing > 0:
            parts.append(self._more())
            missing -= len(parts[-1])
        if fields.get("connection") == "close":
            self.socket.close()
            self.socket = None
        return int(lines[0].split()[1]), b"".join(parts)

    def _more(self):
        data = self.socket.recv(1 << 20)
        if not data:
            raise ConnectionError("the connection ended")
        return data

    def ok(self, target, content="application/x-amz-json-1.1", **body):
        """The answer to a call that must succeed, as data."""
        status, answer = self.call(target, json.dumps(body).encode(), content)
        if status != 200:
            raise RuntimeError(f"{target}: {status} {answer[:300]}")
        return json.loads(answer) if answer else None


def put_records(stream, records):
    """The body of a PutRecords of (key, data) pairs."""
    entries = [{"PartitionKey": key, "Data": base64.b64encode(data).decode()} for key, data in records]
    return json.dumps({"StreamName": stream, "Records": entries}).encode()
