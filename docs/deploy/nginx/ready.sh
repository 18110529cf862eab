#!/bin/sh
# Keeps a list of servers for nginx to those that are ready, for nginx has no
# active health checks.
#
#   ready.sh /etc/nginx/topics.servers 10.0.0.1:4000 10.0.0.2:4000
#
# and in the upstream of topics.conf, instead of the line of the server:
#
#   include /etc/nginx/topics.servers;
#
# RELOAD is the command by which nginx reads it again (nginx -s reload). Requests
# under way and streams go on in nginx's old processes. Set TOPICS_DRAIN_DELAY_MS
# to 3000 or more: a second until it is seen, and two for a check that hangs.
set -u
list=$1
shift
reload=${RELOAD:-nginx -s reload}
last=
while :; do
	now=
	for server in "$@"; do
		if curl -s -f -m 2 -o /dev/null -H 'Host: localhost' "http://$server/readyz"; then
			now="${now}server $server; "
		fi
	done
	# An upstream must have a server; requests to this one are answered with 502.
	[ -n "$now" ] || now='server 127.0.0.1:9 down; '
	if [ "$now" != "$last" ] && printf '%s\n' "$now" >"$list.new" && mv "$list.new" "$list" && $reload; then
		last=$now
	fi
	sleep 1
done
