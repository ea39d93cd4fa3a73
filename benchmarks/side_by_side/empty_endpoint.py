"""A FastAPI endpoint that does nothing, on the port that its one argument names: the floor that ours stands on.

It reads a body and answers `{}` under the settings that `serving.server` gives uvicorn and Python.
"""

from __future__ import annotations

import gc
import sys

import uvicorn
from fastapi import FastAPI, Request, Response

app = FastAPI()


@app.post("/v1/score")
async def score(request: Request) -> Response:
    await request.body()
    return Response(b"{}", media_type="application/json")


@app.get("/livez")
async def is_alive() -> dict[str, bool]:
    return {"alive": True}


def main() -> None:
    # The same as in serving/server.py: who changes them there changes them here.
    sys.setswitchinterval(0.001)
    gc.set_threshold(50_000, 20, 100)
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        access_log=False,
        server_header=False,
        log_config=None,
        timeout_graceful_shutdown=30,
    )


if __name__ == "__main__":
    main()
