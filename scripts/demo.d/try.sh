# TRY=1: everything stays up, and the reader gets the worker's own shell.
chapter "Your turn"
cat <<T

  You are deploy-bot (Unix user ${uid[deploy-bot]}), with its credential in ~/token and the site in ~/site. Try to get a change to
  production that nobody approved, to read ruth's session, to change the log, to be somebody else:

      reeve exec --runner $top/exec/exec.sock release --param target=staging --input site=site.tar
      reeve ask deploy-bot release Service/site-production
      ls -l $top $top/data $top/home/ruth
      curl http://127.0.0.1:$(port_of production)/current/

  In another terminal, as root, approve as ruth:
      nsenter -t \$(pgrep -f 'reeve serve --data $top/data' | head -n1) -m -- setpriv --reuid=${uid[ruth]} --clear-groups env \\
        HOME=$top/home/ruth REEVE_SERVER=unix:$top/run/reeve.sock $top/bin/reeve approvals

  Leave with 'exit': everything is taken down then.
T
printf 'PS1="deploy-bot$ "\ncd\n' >"$top/home/deploy-bot/.rc"
token="$top/home/deploy-bot/token" as deploy-bot bash --rcfile "$top/home/deploy-bot/.rc"
