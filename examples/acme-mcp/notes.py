#!/usr/bin/env python3
"""A small MCP server over stdio: notes that can be read and written. It trusts whoever talks to it; the gateway in front of it does not.

Usage: notes.py FOLDER"""
import json, os, re, sys

folder = sys.argv[1]
TOOLS = [
    {"name": "read_note", "description": "Reads a note.",
     "inputSchema": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}},
    {"name": "write_note", "description": "Writes a note.",
     "inputSchema": {"type": "object", "properties": {"name": {"type": "string"}, "text": {"type": "string"}}, "required": ["name", "text"]}},
]


def call(name, arguments):
    note = arguments.get("name", "")
    if not re.fullmatch(r"[a-z0-9-]{1,40}", note):
        return True, "a note's name has letters, digits and '-'"
    path = os.path.join(folder, note + ".txt")
    if name == "write_note":
        with open(path, "w") as f:
            f.write(str(arguments.get("text", "")))
        return False, "written"
    if name == "read_note" and os.path.exists(path):
        return False, open(path).read()
    return True, "no such note"


for line in sys.stdin:
    m = json.loads(line)
    if "id" not in m:
        continue
    answer = {"jsonrpc": "2.0", "id": m["id"]}
    if m["method"] == "initialize":
        answer["result"] = {"protocolVersion": m["params"]["protocolVersion"], "capabilities": {"tools": {}},
                            "serverInfo": {"name": "notes", "version": "1"}}
    elif m["method"] == "tools/list":
        answer["result"] = {"tools": TOOLS}
    elif m["method"] == "tools/call":
        failed, text = call(m["params"]["name"], m["params"].get("arguments", {}))
        answer["result"] = {"content": [{"type": "text", "text": text}], "isError": failed}
    elif m["method"] == "ping":
        answer["result"] = {}
    else:
        answer["error"] = {"code": -32601, "message": "no such method"}
    print(json.dumps(answer), flush=True)
