"""HTTP as uvicorn speaks it with h11; but what is no HTTP is answered with a problem too, sealed like any answer."""

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from worker.web.guard import HEADERS
from worker.web.problems import ProblemError, problem_response


class Protocol(H11Protocol):
    """One connection of a client."""

    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be read as a request, and close."""
        answer = problem_response(
            ProblemError(400, "no-http", msg, headers={"Connection": "close", **HEADERS})
        )
        head = h11.Response(status_code=answer.status_code, headers=answer.raw_headers, reason=b"Bad Request")
        for event in (head, h11.Data(data=bytes(answer.body)), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
