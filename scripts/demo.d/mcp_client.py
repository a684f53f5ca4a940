"""A client that lists and calls tools over stdio, and prints what came back. Usage: mcp_client.py TOOL JSON -- COMMAND…"""
import json, subprocess, sys

split = sys.argv.index("--")
tool, arguments = sys.argv[1], json.loads(sys.argv[2])
p = subprocess.Popen(sys.argv[split + 1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
n = 0


def ask(method, params):
    global n
    n += 1
    p.stdin.write(json.dumps({"jsonrpc": "2.0", "id": n, "method": method, "params": params}) + "\n")
    p.stdin.flush()
    for line in p.stdout:
        m = json.loads(line)
        if m.get("id") == n:
            return m.get("result") or m["error"]
    sys.exit(f"the session ended with status {p.wait()}")


ask("initialize", {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "demo", "version": "1"}})
p.stdin.write('{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
p.stdin.flush()
print("tools:", ", ".join(t["name"] for t in ask("tools/list", {})["tools"]) or "none")
r = ask("tools/call", {"name": tool, "arguments": arguments})
print(f"{tool}:", r.get("message") or ("error: " if r.get("isError") else "") + r["content"][0]["text"])
p.stdin.close()
p.wait(10)
