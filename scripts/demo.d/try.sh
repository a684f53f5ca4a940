# TRY=1: everything stays up, and the reader gets the worker's own shell.
chapter "Your turn"
# From another terminal: "$top/as NAME COMMAND" is that person.
{
	echo '#!/bin/bash'
	echo "# $top/as NAME COMMAND…: does it as one of the story's people or workers (root)."
	declare -p uid
	echo "top=$top"
	declare -f as as_exec worker
	echo 'case $1 in *-bot | *-agent) worker "$@" ;; *) as "$@" ;; esac'
} >"$top/as"
chmod 755 "$top/as"
cat <<T

  You are deploy-bot (Unix user ${uid[deploy-bot]}), with its credential in ~/token and the site in ~/site. Try to get a change to
  production that nobody approved, to use an approval twice, to read ruth's session, to change the log, to be somebody else:

      reeve exec --runner $top/exec/exec.sock release --param target=staging --input site=site.tar
      reeve exec --runner $top/exec/exec.sock release --param target=production --input site=site.tar --no-wait
      reeve ask deploy-bot release Service/site-production
      ls -l $top $top/data $top/home/ruth
      curl -s http://127.0.0.1:$(port_of production)/current/

  What is held can be approved from another terminal, as root, by ruth:

      $top/as ruth reeve approvals
      $top/as ruth reeve approve ID

  Your own MCP client can come in as invoice-agent. Run it as root on this machine, with this line in its configuration:

      {"mcpServers": {"notes": {"command": "$top/as", "args": ["invoice-agent", "reeve", "mcp", "--server", "notes", "--socket", "$top/mcp-socket/mcp.sock"]}}}

  Leave with 'exit': everything is taken down then.
T
printf 'PS1="deploy-bot$ "\ncd\n' >"$top/home/deploy-bot/.rc"
token="$top/home/deploy-bot/token" as deploy-bot bash --rcfile "$top/home/deploy-bot/.rc"
