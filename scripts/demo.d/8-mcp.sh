chapter "8. An agent comes in over MCP"
tell "invoice-agent is an MCP client. Between it and a server of notes stands the gateway, under a user of its own: it starts the server, asks before every call, and shows only tools that a person has approved."
mkdir -p "$top"/{mcp/state,mcp-socket,notes}
cp examples/acme-mcp/notes.py "$top/mcp/"
echo "supplier 4711 is paid within 30 days" >"$top/notes/supplier.txt"
cat >"$top/mcp/mcp.yaml" <<Y
server: "unix:$top/run/reeve.sock"
token_file: $top/mcp/token
socket: $top/mcp-socket/mcp.sock
state: $top/mcp/state
servers:
  notes: {command: [/usr/bin/python3, $top/mcp/notes.py, $top/notes], env: {PATH: /usr/bin:/bin}}
Y
quiet as root reeve apply -f examples/acme-mcp/notes.yaml -f examples/acme-mcp/notes.cedar
for c in $(as gordon reeve change list --json | ids ''); do quiet as gordon reeve change approve "$c"; done
hand_over mcp-gateway gateway --point "$top/mcp/token"
hand_over invoice-agent invoice-agent '' "$top/home/invoice-agent/token"
chown -R "${uid[gateway]}" "$top"/{mcp,mcp-socket,notes}
chmod 700 "$top"/{mcp,mcp/state,notes}
as_exec gateway reeve mcp --config "$top/mcp/mcp.yaml" 2>>"$top/mcp.log" &
wait_for test -S "$top/mcp-socket/mcp.sock" || cat "$top/mcp.log"
cp "$here/mcp_client.py" "$top/bin/"
mcp() { worker invoice-agent python3 "$top/bin/mcp_client.py" "$1" "$2" -- reeve mcp --server notes --socket "$top/mcp-socket/mcp.sock"; }
holds 0 'tools: none' "its tools are new: nobody approved them, so the client sees none and calls none" mcp read_note '{"name":"supplier"}'
holds 0 'approved' "a person approves the tools as they are now" as gateway reeve mcp approve notes --config "$top/mcp/mcp.yaml"
holds 0 'paid within 30 days' "the client reads a note" mcp read_note '{"name":"supplier"}'
holds 0 'agents read them' "and is told why it may not write one, in the policy's own words" mcp write_note '{"name":"supplier","text":"pay twice"}'
fact "the note is as it was" grep -q 'within 30 days' "$top/notes/supplier.txt"
lines=2 holds 1 'Permission denied' "and around the gateway the folder is closed" worker invoice-agent cat "$top/notes/supplier.txt"
lines=2 holds 0 'deny +invoice-agent call McpTool' "both calls are in the log" as audrey reeve audit search 'system:invoice-agent kind:decision since:1h'
