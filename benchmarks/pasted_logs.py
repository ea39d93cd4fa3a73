"""Logs as people paste them into tickets."""

from __future__ import annotations

import random

_LOGS = (
    """2026-03-04 09:12:01,114 INFO  [worker-3] kr.haneul.batch.JobRunner - job 5512 started
2026-03-04 09:12:02,871 WARN  [worker-3] kr.haneul.batch.Lock - waited 1502 ms for lock stock_ledger
2026-03-04 09:12:03,002 ERROR [worker-3] kr.haneul.batch.JobRunner - job 5512 failed
java.lang.IllegalStateException: ledger is closed
    at kr.haneul.batch.Ledger.append(Ledger.java:214)
    at kr.haneul.batch.JobRunner.step(JobRunner.java:88)
    at kr.haneul.batch.JobRunner.run(JobRunner.java:41)
    at java.base/java.lang.Thread.run(Thread.java:840)
2026-03-04 09:12:03,140 INFO  [worker-3] kr.haneul.batch.JobRunner - next try in 60 s""",
    """Mar  4 09:20:11 gw-02 charon[1881]: 07[IKE] sending DPD request
Mar  4 09:20:15 gw-02 charon[1881]: 09[IKE] retransmit 1 of request with message ID 4
Mar  4 09:20:22 gw-02 charon[1881]: 11[IKE] retransmit 2 of request with message ID 4
Mar  4 09:20:35 gw-02 charon[1881]: 05[IKE] giving up after 5 retransmits
Mar  4 09:20:35 gw-02 kernel: eth1: link is down
Mar  4 09:20:41 gw-02 kernel: eth1: link is up, 1000 Mbps full duplex""",
    """Log Name:      Application
Source:        Application Hang
Event ID:      1002
Level:         Error
Computer:      PC-3F-0117.haneul.example
Description:   The program planner.exe version 4.2.0.19 stopped interacting with Windows and was closed.
Process ID:    2f1c
Start Time:    01db8c6f0a11c2d4""",
    """10.20.4.17 - - [04/Mar/2026:09:31:02 +0900] "GET /api/stock?plant=3 HTTP/1.1" 502 157 "-" "Mozilla/5.0"
10.20.4.17 - - [04/Mar/2026:09:31:05 +0900] "GET /api/stock?plant=3 HTTP/1.1" 502 157 "-" "Mozilla/5.0"
10.20.4.21 - - [04/Mar/2026:09:31:09 +0900] "POST /api/order HTTP/1.1" 504 160 "-" "okhttp/4.9.2"
2026/03/04 09:31:09 [error] 871#871: *5512 upstream timed out while reading response header from upstream""",
    """Traceback (most recent call last):
  File "/srv/batch/close_day.py", line 88, in <module>
    close(day)
  File "/srv/batch/close_day.py", line 51, in close
    rows = ledger.rows(day)
  File "/srv/batch/ledger.py", line 19, in rows
    return self.connection.execute(QUERY, day)
oracledb.exceptions.DatabaseError: ORA-12541: TNS:no listener""",
    """Windows IP Configuration

Ethernet adapter Ethernet 2:

   Connection-specific DNS Suffix  . : haneul.example
   IPv4 Address. . . . . . . . . . . : 169.254.17.3
   Subnet Mask . . . . . . . . . . . : 255.255.0.0
   Default Gateway . . . . . . . . . :

Request timed out.
Request timed out.
Ping statistics for 10.20.0.1: Packets: Sent = 4, Received = 0, Lost = 4 (100% loss),""",
)


def log_pasted(text: str, draw: random.Random) -> str:
    """Paste one of six logs under the text."""
    return f"{text}\n\n{draw.choice(_LOGS)}"
