/* Asks the servers that stand in a testbed (apps.c) many times, and counts who answered whom.
 *
 *   sample tcp|udp ADDRESS PORT COUNT TIMEOUT_MS REQUESTS SOURCE FIRST_PORT LAST_PORT [INIT...]
 *
 * Opens COUNT connections (or datagram sockets), each from a port between those two that was not used of late, many at
 * once, and sends REQUESTS over each, one after the other. SOURCE is the client's address; for 0.0.0.0 the kernel chooses.
 * In the end the flows are taken out of the tables of the nodes with these INITs (forget.c).
 * Each request bears a challenge of its own, and each answer a seal over the challenge and the whole line, made with
 * a secret that never travels: an answer that no server of ours gave in these words is known.
 * Prints a line per kind of outcome, how often it came first:
 *
 *   34 answer NAME SERVER_ADDRESS:PORT CLIENT_ADDRESS TTL    (TTL 0 over TCP)
 *   2 moved NAME           an answer from another server than the one before it on its connection
 *   1 wrong-server         an answer that nobody of ours gave
 *   600 ports 10300 10.244.1.2    (from which port on it sent, at most so many, and from which address)
 *   3 refused | reset | unreachable local | unreachable remote | too-big | prohibited | timeout
 *
 * After a timeout no further connection is begun: the silence is told, not measured. */
#define _GNU_SOURCE
#include "agent.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

/* What is under way waits for one another, and none of it may wait for long: few enough at once. */
enum { AT_ONCE = 32, AGAIN_MS = 200, MAX_KINDS = 256, KIND_SIZE = 128, MAX_DATAGRAMS = 8 };

struct client {
	int fd; /* or -1: free */
	bool connected;
	bool stranger; /* an answer came that is not the one asked for */
	int requests_left;
	long deadline, again;
	char asked[WORD_SIZE];                  /* the challenge of the request under way */
	char earlier[MAX_DATAGRAMS][WORD_SIZE]; /* those of the datagrams before it, which may be answered twice */
	int earlier_count;
	char last[32]; /* who answered before on this connection */
	size_t length;
	char answer[1024];
};

static struct {
	char text[KIND_SIZE];
	int count;
} kinds[MAX_KINDS];

static char secret[WORD_SIZE];
static struct sockaddr_in server, source;
static bool udp;
static int per_connection;
static int own_ports, first_port, used_ports;
static struct sockaddr_in own;
static long timeout_ms;
static bool silent;

static void count_kind(const char *text)
{
	for (int i = 0; i < MAX_KINDS; i++) {
		if (kinds[i].count && strcmp(kinds[i].text, text))
			continue;
		snprintf(kinds[i].text, KIND_SIZE, "%s", text);
		kinds[i].count++;
		return;
	}
}

static void note_address(int fd)
{
	socklen_t size = sizeof own;
	if (!own.sin_addr.s_addr)
		getsockname(fd, (struct sockaddr *)&own, &size);
}

static void end_client(struct client *client, const char *outcome)
{
	if (outcome)
		count_kind(outcome);
	if (outcome && (!strcmp(outcome, "timeout") || (udp && !strcmp(outcome, "wrong-server"))))
		silent = true;
	note_address(client->fd);
	close(client->fd);
	client->fd = -1;
}

static void end_with_error(struct client *client, int code, bool local)
{
	char text[KIND_SIZE];
	const char *outcome = outcome_of(code, local);
	snprintf(text, sizeof text, "failed %s", strerror(code));
	end_client(client, outcome ? outcome : text);
}

/* The first port of this sample. A packet from a port that was used a moment ago belongs to that flow, as long as the
 * table of connections remembers it (a connection without an answer: 120 s), and follows the rules as they were then.
 * The kernel picks ports almost at random; ours go round, over all samples of the testbed from the same range. */
static int reserve_ports(int first, int last, int count)
{
	char path[64];
	snprintf(path, sizeof path, "/tmp/next-port-%d", first);
	int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600), next = 0, ports = last - first + 1;
	if (fd < 0 || flock(fd, LOCK_EX) != 0)
		die("sample: cannot open %s", path);
	/* Where they begin differs from testbed to testbed: no rule can be written for them beforehand. */
	if (pread(fd, &next, sizeof next, 0) != sizeof next && getrandom(&next, sizeof next, 0) == sizeof next)
		next = (unsigned)next % ports;
	if (next + count > ports)
		next = 0;
	int after = next + count;
	if (pwrite(fd, &after, sizeof after, 0) != sizeof after)
		die("sample: cannot write %s", path);
	close(fd);
	return first + next;
}

/* Binds to the next of our ports; one that somebody holds in this namespace is passed over. */
static bool bind_own(int fd)
{
	while (used_ports < own_ports) {
		struct sockaddr_in address = source;
		address.sin_family = AF_INET;
		address.sin_port = htons(first_port + used_ports++);
		if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0)
			return true;
		if (errno != EADDRINUSE)
			return false;
	}
	return false;
}

static void send_request(struct client *client)
{
	char request[256], host[INET_ADDRSTRLEN];
	inet_ntop(AF_INET, &server.sin_addr, host, sizeof host);
	int length = udp ? snprintf(request, sizeof request, "challenge=%s\n", client->asked)
	                 : snprintf(request, sizeof request, "GET /?challenge=%s HTTP/1.1\r\nHost: %s\r\n\r\n", client->asked, host);
	client->again = now_ms() + AGAIN_MS;
	if (send(client->fd, request, length, MSG_NOSIGNAL) != length)
		end_with_error(client, errno, udp && errno != ECONNREFUSED);
}

static void begin_request(struct client *client)
{
	client->length = 0;
	client->stranger = false;
	client->deadline = now_ms() + timeout_ms;
	make_word(client->asked);
	send_request(client);
}

static void begin_client(struct client *client)
{
	int type = udp ? SOCK_DGRAM : SOCK_STREAM, on = 1, off = 0, ttl = 64;
	/* A reset when all is said: no TIME-WAIT (RFC 9293, section 3.6.1) that would keep the port for a minute. */
	struct linger at_once = {.l_onoff = 1};
	*client = (struct client){.fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
	if (client->fd < 0)
		die("sample: socket");
	client->requests_left = per_connection;
	client->deadline = now_ms() + timeout_ms;
	setsockopt(client->fd, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl);
	/* With it an ICMP "unreachable" ends the wait at once (man 7 ip). */
	setsockopt(client->fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
	/* The acknowledgement that ends the handshake travels with the request (man 7 tcp, TCP_QUICKACK): six packets a
	 * connection instead of eight. */
	if (!udp)
		setsockopt(client->fd, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof off);
	if (!bind_own(client->fd))
		end_with_error(client, errno, true);
	else if (setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) != 0)
		die("sample: SO_LINGER");
	else if (connect(client->fd, (struct sockaddr *)&server, sizeof server) != 0 && errno != EINPROGRESS)
		end_with_error(client, errno, true);
	else if (udp) {
		client->connected = true;
		begin_request(client);
	}
}

/* Reads `NAME at SERVER answers CLIENT:PORT[ ttl TTL] seal SEAL`; false unless a server of ours said just that. */
static bool read_answer(const char *asked, const char *line, char name[32], char at[32], char from[32], int *ttl)
{
	char text[256], port[8], seal[SEAL_SIZE];
	snprintf(text, sizeof text, "%.*s", (int)strcspn(line, "\r\n"), line);
	char *mark = strstr(text, SEAL_MARK);
	if (!mark)
		return false;
	*mark = '\0';
	seal_answer(seal, secret, asked, text);
	if (strcmp(mark + strlen(SEAL_MARK), seal))
		return false;
	/* Only datagrams have a TTL: what was said over the one is no answer over the other. */
	int read = sscanf(text, "%31s at %31s answers %31[0-9.]:%7[0-9] ttl %d", name, at, from, port, ttl);
	return read == (udp ? 5 : 4);
}

/* A datagram that was sent again has two answers where the first was only late, and the second comes in the next
 * request's time. */
static bool answers_earlier(const struct client *client, const char *line)
{
	char name[32], at[32], from[32];
	int ttl;
	for (int i = 0; i < client->earlier_count; i++)
		if (read_answer(client->earlier[i], line, name, at, from, &ttl))
			return true;
	return false;
}

/* The answered request makes room for the next one. A datagram's challenge is kept: it may be answered again. */
static void next_request(struct client *client)
{
	if (udp)
		strcpy(client->earlier[client->earlier_count++], client->asked);
	begin_request(client);
}

static void take_answer(struct client *client, const char *line)
{
	char name[32], at[32], from[32], kind[KIND_SIZE];
	int ttl = 0;
	if (!read_answer(client->asked, line, name, at, from, &ttl)) {
		client->length = 0;
		/* Anybody may send a datagram: the right answer may still come. */
		client->stranger = client->stranger || !answers_earlier(client, line);
		if (!udp)
			end_client(client, "wrong-server");
		return;
	}
	if (client->last[0] && strcmp(client->last, name))
		snprintf(kind, sizeof kind, "moved %s", name);
	else
		snprintf(kind, sizeof kind, "answer %s %s %s %d", name, at, from, ttl);
	count_kind(kind);
	strcpy(client->last, name);
	if (--client->requests_left > 0)
		next_request(client);
	else
		end_client(client, NULL);
}

static void hear(struct client *client)
{
	int code = udp || client->connected ? 0 : pending_error(client->fd);
	if (code) {
		end_with_error(client, code, false);
		return;
	}
	if (!client->connected) {
		client->connected = true;
		begin_request(client);
		return;
	}
	ssize_t got = recv(client->fd, client->answer + client->length, sizeof client->answer - 1 - client->length, 0);
	if (got < 0 && errno == EAGAIN)
		return;
	if (got < 0) {
		end_with_error(client, errno, false);
		return;
	}
	client->length += got;
	client->answer[client->length] = '\0';
	const char *body = udp ? client->answer : strstr(client->answer, "\r\n\r\n");
	if (body && !udp)
		body += 4;
	if (body && strchr(body, '\n'))
		take_answer(client, body);
	else if (got == 0 || client->length == sizeof client->answer - 1)
		end_client(client, client->length ? "wrong-server" : "reset");
}

static long next_event(const struct client *clients)
{
	long next = now_ms() + 1000;
	for (int i = 0; i < AT_ONCE; i++) {
		if (clients[i].fd < 0)
			continue;
		if (clients[i].deadline < next)
			next = clients[i].deadline;
		if (udp && clients[i].again < next)
			next = clients[i].again;
	}
	long left = next - now_ms();
	return left > 0 ? left : 0;
}

int run_sample(int argc, char **argv)
{
	static struct client clients[AT_ONCE];
	errno = 0;
	if (argc < 10 || inet_pton(AF_INET, argv[2], &server.sin_addr) != 1 || inet_pton(AF_INET, argv[7], &source.sin_addr) != 1 ||
		(strcmp(argv[1], "tcp") && strcmp(argv[1], "udp")))
		die("sample: wanted tcp|udp ADDRESS PORT COUNT TIMEOUT_MS REQUESTS SOURCE FIRST_PORT LAST_PORT [INIT...]");
	udp = !strcmp(argv[1], "udp");
	server.sin_family = AF_INET;
	server.sin_port = htons(atoi(argv[3]));
	int left = atoi(argv[4]);
	timeout_ms = atol(argv[5]);
	per_connection = atoi(argv[6]);
	if (udp && per_connection > MAX_DATAGRAMS)
		die("sample: more than %d requests over one datagram socket", MAX_DATAGRAMS);
	read_sealing_secret(secret);
	for (int i = 0; i < AT_ONCE; i++)
		clients[i].fd = -1;
	/* A few more, for those that are taken. */
	own_ports = left + 16;
	first_port = reserve_ports(atoi(argv[8]), atoi(argv[9]), own_ports);

	for (;;) {
		struct pollfd fds[AT_ONCE];
		int open = 0;
		for (int i = 0; i < AT_ONCE; i++) {
			if (clients[i].fd < 0 && left > 0 && !silent) {
				left--;
				begin_client(&clients[i]);
			}
			open += clients[i].fd >= 0;
			fds[i] = (struct pollfd){clients[i].fd, clients[i].connected ? POLLIN : POLLOUT, 0};
		}
		if (open == 0 && (left == 0 || silent))
			break;
		/* Whatever came by then is heard, however long this process waits for the processor meanwhile. */
		long now = now_ms();
		poll(fds, AT_ONCE, open ? next_event(clients) : 0);
		for (int i = 0; i < AT_ONCE; i++) {
			struct client *client = &clients[i];
			if (client->fd < 0)
				continue;
			if (fds[i].fd == client->fd && fds[i].revents)
				hear(client);
			else if (now >= client->deadline)
				end_client(client, client->stranger ? "wrong-server" : "timeout");
			else if (udp && now >= client->again)
				send_request(client);
		}
	}
	for (int i = 0; i < MAX_KINDS && kinds[i].count; i++)
		printf("%d %s\n", kinds[i].count, kinds[i].text);
	if (own.sin_addr.s_addr) {
		char address[INET_ADDRSTRLEN];
		printf("%d ports %d %s\n", used_ports, first_port, inet_ntop(AF_INET, &own.sin_addr, address, sizeof address));
		own.sin_port = htons(first_port);
		forget_flows(udp ? IPPROTO_UDP : IPPROTO_TCP, own, &server, used_ports, argv + 10);
	}
	return 0;
}
