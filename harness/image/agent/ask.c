/* The asking end of a probe.
 *
 *   ask tcp|udp|icmp ADDRESS PORT TIMEOUT_MS [SIZE [SOURCE_PORT [SECRET]]]
 *
 * Prints one line: what came back.
 *   answer TEXT      the server's line; for icmp `answer TTL` of the reply. Where we know the server's
 *                    secret and it sealed the line with it (serve.c), the secret stands in the seal's place
 *   refused          TCP RST to our SYN, or ICMP port unreachable
 *   reset            the connection was reset after it stood
 *   unreachable WHO  `local` when our own routing table has no way, `remote` when ICMP said so
 *   too-big          SIZE does not fit the path with DF set
 *   prohibited       ICMP administratively prohibited, or a local filter refused to send
 *   timeout          silence
 * Datagrams and echo requests are sent again every 200 ms until the time is up, as TCP does by itself.
 * SIZE is the length of the IP packet for udp and icmp (sent with DF), of the answer for tcp.
 * With a SOURCE_PORT (the id, for icmp) the probe is one that somebody follows: a datagram or an echo request
 * is sent once, and a connection that stands is the answer (`answer connected`) unless a SIZE is asked for. */
#define _GNU_SOURCE
#include "agent.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <linux/errqueue.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

enum { IP_HEADER = 20, UDP_HEADER = 8, AGAIN_MS = 200 };

long now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int report(const char *outcome)
{
	puts(outcome);
	return 0;
}

/* The word for an error of a socket's; null for one that has none. `local`: the kernel refused before
 * anything was sent. */
const char *outcome_of(int code, bool local)
{
	switch (code) {
	case ECONNREFUSED:
		return "refused";
	case ECONNRESET:
	case EPIPE:
		return "reset";
	case ENETUNREACH:
	case EHOSTUNREACH:
	case EHOSTDOWN:
	case ENONET:
	/* What ICMP says besides (net/ipv4/icmp.c, icmp_err_convert): protocol unreachable, source route failed, parameter problem. */
	case ENOPROTOOPT:
	case EOPNOTSUPP:
	case EPROTO:
		return local ? "unreachable local" : "unreachable remote";
	case EMSGSIZE:
		return "too-big";
	case EACCES:
	case EPERM:
		return "prohibited";
	/* A queue of the sender's own threw it away (man 7 ip, IP_RECVERR): lost, like anywhere else. */
	case ENOBUFS:
	case ETIMEDOUT:
		return "timeout";
	case EADDRNOTAVAIL:
	case EINVAL:
		return "unreachable local";
	default:
		return NULL;
	}
}

static int report_errno(int code, bool local)
{
	const char *outcome = outcome_of(code, local);
	if (outcome)
		return report(outcome);
	printf("failed %s\n", strerror(code));
	return 0;
}

int pending_error(int fd)
{
	int code = 0;
	socklen_t length = sizeof code;
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &length);
	return code;
}

/* Probes leave with the same TTL whatever the namespace's default is: routers on the way can be counted. */
static void set_ttl(int fd)
{
	int ttl = 64;
	setsockopt(fd, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl);
}

/* Waits until the descriptor is ready; false when the time is up. What came while we waited for the processor counts. */
static bool wait_for(int fd, short events, long until)
{
	long left = until - now_ms();
	struct pollfd ready = {fd, events, 0};
	return poll(&ready, 1, left > 0 ? left : 0) > 0;
}

static void bind_to(int fd, int port)
{
	struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(port)};
	int on = 1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (port && bind(fd, (struct sockaddr *)&own, sizeof own) != 0)
		die("ask: cannot bind port %d", port);
}

/* Where the kernel has no port to give, since a learner may reserve them all (ip_local_reserved_ports, man 7 ip), one
 * is taken by its number. */
bool bind_some_port(int fd)
{
	enum { TRIES = 200, FIRST = 1024, COUNT = 64000 };
	struct sockaddr_in own = {.sin_family = AF_INET};
	for (int i = 0; i < TRIES; i++) {
		uint16_t chance;
		if (getrandom(&chance, sizeof chance, 0) != sizeof chance)
			return false;
		own.sin_port = htons(FIRST + chance % COUNT);
		if (bind(fd, (struct sockaddr *)&own, sizeof own) == 0)
			return true;
		if (errno != EADDRINUSE)
			return false;
	}
	return false;
}

static int connect_to(int fd, const struct sockaddr_in *server)
{
	int done = connect(fd, (const struct sockaddr *)server, sizeof *server);
	if (done != 0 && (errno == EADDRNOTAVAIL || errno == EAGAIN) && bind_some_port(fd))
		done = connect(fd, (const struct sockaddr *)server, sizeof *server);
	return done;
}

static char challenge[WORD_SIZE];

static int report_answer(const char *line, const char *secret)
{
	const char *rest = strchr(line, ' ');
	char seal[SEAL_SIZE];
	if (secret && rest) {
		seal_answer(seal, secret, challenge, rest + 1);
		if ((size_t)(rest - line) == strlen(seal) && !strncmp(line, seal, strlen(seal))) {
			printf("answer %s%s\n", secret, rest);
			return 0;
		}
	}
	printf("answer %s\n", line);
	return 0;
}

static int ask_tcp(const struct sockaddr_in *server, long deadline, long size, int source_port, const char *secret)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die("ask: socket");
	bind_to(fd, source_port);
	if (connect_to(fd, server) != 0 && errno != EINPROGRESS)
		return report_errno(errno, true);
	if (!wait_for(fd, POLLOUT, deadline))
		return report("timeout");
	int code = pending_error(fd);
	if (code)
		return report_errno(code, false);
	if (source_port && size == 0)
		return report("answer connected");

	char text[1 << 14], line[512];
	size_t kept = 0;
	long total = 0;
	int length = snprintf(text, sizeof text, "%ld %s\n", size, challenge);
	if (send(fd, text, length, MSG_NOSIGNAL) != length)
		return report_errno(errno, false);
	for (;;) {
		if (!wait_for(fd, POLLIN, deadline))
			return report("timeout");
		ssize_t got = read(fd, text, sizeof text);
		if (got < 0)
			return report_errno(errno, false);
		if (got == 0)
			break;
		for (ssize_t i = 0; i < got && kept < sizeof line - 1; i++)
			line[kept++] = text[i];
		total += got;
	}
	line[kept] = '\0';
	line[strcspn(line, "\n")] = '\0';
	if (total < size)
		return report("reset");
	return report_answer(line, secret);
}

static int ask_udp(const struct sockaddr_in *server, long deadline, long size, int source_port, const char *secret)
{
	static char payload[1 << 16];
	char text[512];
	size_t length = size > IP_HEADER + UDP_HEADER ? size - IP_HEADER - UDP_HEADER : CHALLENGE_LENGTH;
	memcpy(payload, challenge, CHALLENGE_LENGTH);
	long again_ms = source_port ? LONG_MAX / 2 : AGAIN_MS;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int discover = IP_PMTUDISC_PROBE;
	if (fd < 0)
		die("ask: socket");
	set_ttl(fd);
	bind_to(fd, source_port);
	if (size > 0)
		setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &discover, sizeof discover);
	if (connect_to(fd, server) != 0)
		return report_errno(errno, true);
	while (now_ms() < deadline) {
		if (send(fd, payload, length, MSG_NOSIGNAL) < 0)
			return report_errno(errno, errno != ECONNREFUSED);
		long again = now_ms() + again_ms;
		if (!wait_for(fd, POLLIN, again < deadline ? again : deadline))
			continue;
		ssize_t got = recv(fd, text, sizeof text - 1, 0);
		if (got < 0)
			return report_errno(errno, false);
		text[got] = '\0';
		text[strcspn(text, "\n")] = '\0';
		return report_answer(text, secret);
	}
	return report("timeout");
}

static uint16_t checksum(const void *bytes, size_t length)
{
	uint32_t sum = 0;
	for (const uint16_t *at = bytes; length > 1; length -= 2)
		sum += *at++;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static int ask_icmp(const struct sockaddr_in *server, long deadline, long size, int source_port)
{
	long again_ms = source_port ? LONG_MAX / 2 : AGAIN_MS;
	static char packet[1 << 16], received[1 << 16];
	struct icmphdr *echo = (struct icmphdr *)packet;
	size_t length = size > IP_HEADER + (long)sizeof *echo ? size - IP_HEADER : 64;
	size_t marked = length - sizeof *echo < CHALLENGE_LENGTH ? length - sizeof *echo : CHALLENGE_LENGTH;
	int fd = socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_ICMP);
	int discover = IP_PMTUDISC_PROBE, on = 1;
	if (fd < 0)
		die("ask: raw socket");
	set_ttl(fd);
	if (size > 0)
		setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &discover, sizeof discover);
	setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
	if (connect(fd, (const struct sockaddr *)server, sizeof *server) != 0)
		return report_errno(errno, true);
	uint16_t id = source_port ? htons(source_port) : getpid();
	for (uint16_t sequence = 1; now_ms() < deadline; sequence++) {
		/* Whoever answers has seen the request, at least: nobody can seal an echo. */
		memcpy(echo + 1, challenge, marked);
		*echo = (struct icmphdr){.type = ICMP_ECHO, .un.echo = {.id = id, .sequence = htons(sequence)}};
		length &= ~(size_t)1;
		echo->checksum = checksum(packet, length);
		if (send(fd, packet, length, MSG_NOSIGNAL) < 0)
			return report_errno(errno, errno != ECONNREFUSED && errno != EHOSTUNREACH);
		long again = now_ms() + again_ms;
		while (wait_for(fd, POLLIN, again < deadline ? again : deadline)) {
			ssize_t got = recv(fd, received, sizeof received, 0);
			if (got < 0 && errno == EAGAIN)
				continue;
			if (got < 0)
				return report_errno(errno, false);
			size_t header = (received[0] & 0x0f) * 4;
			const struct icmphdr *reply = (const struct icmphdr *)(received + header);
			if ((size_t)got >= header + sizeof *reply + marked && reply->type == ICMP_ECHOREPLY &&
				reply->un.echo.id == id && !memcmp(reply + 1, challenge, marked)) {
				printf("answer %d\n", (unsigned char)received[8]);
				return 0;
			}
		}
	}
	return report("timeout");
}

int run_ask(int argc, char **argv)
{
	struct sockaddr_in server = {.sin_family = AF_INET};
	errno = 0;
	if (argc < 5 || inet_pton(AF_INET, argv[2], &server.sin_addr) != 1)
		die("ask: wanted tcp|udp|icmp ADDRESS PORT TIMEOUT_MS [SIZE [SOURCE_PORT [SECRET]]]");
	server.sin_port = htons(atoi(argv[3]));
	long deadline = now_ms() + atol(argv[4]), size = argc > 5 ? atol(argv[5]) : 0;
	int source_port = argc > 6 ? atoi(argv[6]) : 0;
	const char *secret = argc > 7 ? argv[7] : NULL;
	make_word(challenge);
	if (!strcmp(argv[1], "tcp"))
		return ask_tcp(&server, deadline, size, source_port, secret);
	if (!strcmp(argv[1], "udp"))
		return ask_udp(&server, deadline, size, source_port, secret);
	if (!strcmp(argv[1], "icmp"))
		return ask_icmp(&server, deadline, size, source_port);
	die("ask: unknown protocol '%s'", argv[1]);
}
