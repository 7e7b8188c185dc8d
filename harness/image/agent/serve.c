/* The answering end of a probe.
 *
 *   serve SECRET [TCP_PORT [UDP_PORT]]
 *
 * Listens on every address over TCP and UDP (port 0: any free one), prints `TCP_PORT UDP_PORT`, and
 * answers each connection and datagram with `SEAL CLIENT_ADDRESS CLIENT_PORT TTL`, where TTL is what
 * arrived, of a connection with its SYN (0 where the kernel kept none). The client's address as seen here is how "no NAT" is proved. A datagram
 * begins with a challenge of the client's; a TCP client sends `SIZE CHALLENGE` and a newline, and the
 * answer is padded to SIZE bytes. SEAL is made of the secret, the challenge and the rest of the line:
 * whoever listens in the same namespace learns nothing with which to answer another question, or to
 * change a word of an answer. Ends with its stdin. */
#define _GNU_SOURCE
#include "agent.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

static int listen_on(int type, int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	int on = 1, fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (fd < 0 || (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 && (port || !bind_some_port(fd))))
		die("serve: cannot bind port %d", port);
	if (type == SOCK_STREAM)
		setsockopt(fd, IPPROTO_TCP, TCP_SAVE_SYN, &on, sizeof on);
	if (type == SOCK_STREAM && listen(fd, 128) != 0)
		die("serve: cannot listen on port %d", port);
	if (type == SOCK_DGRAM) {
		setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
		setsockopt(fd, IPPROTO_IP, IP_RECVTTL, &on, sizeof on);
	}
	return fd;
}

static int port_of(int fd)
{
	struct sockaddr_in address;
	socklen_t length = sizeof address;
	getsockname(fd, (struct sockaddr *)&address, &length);
	return ntohs(address.sin_port);
}

static uint64_t rotate(uint64_t value, int bits)
{
	return value << bits | value >> (64 - bits);
}

static void mix(uint64_t v[4])
{
	v[0] += v[1], v[1] = rotate(v[1], 13) ^ v[0], v[0] = rotate(v[0], 32);
	v[2] += v[3], v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3], v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1], v[1] = rotate(v[1], 17) ^ v[2], v[2] = rotate(v[2], 32);
}

/* SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012), on the kernel's own
 * machine: little-endian. The key is the first 16 characters of the secret. */
static uint64_t keyed_hash(const char *secret, const char *text, size_t length)
{
	uint64_t key[2] = {0}, word;
	memcpy(key, secret, strnlen(secret, sizeof key));
	uint64_t v[4] = {key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d, key[0] ^ 0x6c7967656e657261,
		key[1] ^ 0x7465646279746573};
	for (size_t at = 0; at <= length; at += sizeof word) {
		size_t part = length - at < sizeof word ? length - at : sizeof word;
		word = 0;
		memcpy(&word, text + at, part);
		if (part < sizeof word)
			word |= (uint64_t)length << 56;
		v[3] ^= word;
		mix(v), mix(v);
		v[0] ^= word;
	}
	v[2] ^= 0xff;
	mix(v), mix(v), mix(v), mix(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* The seal of a line of an answer: `CLIENT_ADDRESS CLIENT_PORT TTL`, without a newline. */
void seal_answer(char seal[SEAL_SIZE], const char *secret, const char *challenge, const char *line)
{
	char text[256];
	int length = snprintf(text, sizeof text, "%.*s %s", CHALLENGE_LENGTH, challenge, line);
	snprintf(seal, SEAL_SIZE, "%016llx", (unsigned long long)keyed_hash(secret, text, length));
}

void make_word(char word[WORD_SIZE])
{
	uint64_t bits;
	if (getrandom(&bits, sizeof bits, 0) != sizeof bits)
		die("no random numbers");
	snprintf(word, WORD_SIZE, "%016llx", (unsigned long long)bits);
}

/* The same for as long as the testbed stands: whoever is first makes it. */
void read_sealing_secret(char secret[WORD_SIZE])
{
	static const char path[] = "/tmp/sealing-secret";
	char own[64];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		snprintf(own, sizeof own, "%s.%d", path, getpid());
		int made = open(own, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
		make_word(secret);
		if (made < 0 || write(made, secret, WORD_SIZE - 1) != WORD_SIZE - 1)
			die("serve: cannot write %s", own);
		close(made);
		/* Whole from the beginning, and never another one. */
		if (link(own, path) != 0 && errno != EEXIST)
			die("serve: cannot make %s", path);
		unlink(own);
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (fd < 0 || read(fd, secret, WORD_SIZE - 1) != WORD_SIZE - 1)
		die("serve: cannot read %s", path);
	secret[WORD_SIZE - 1] = '\0';
	close(fd);
}

static int describe(char *text, size_t size, const char *secret, const char *challenge, const struct sockaddr_in *client, int ttl)
{
	char address[INET_ADDRSTRLEN], line[64], seal[SEAL_SIZE];
	inet_ntop(AF_INET, &client->sin_addr, address, sizeof address);
	snprintf(line, sizeof line, "%s %d %d", address, ntohs(client->sin_port), ttl);
	seal_answer(seal, secret, challenge, line);
	return snprintf(text, size, "%s %s\n", seal, line);
}

/* Of a connection: the TTL that its SYN arrived with (man 7 tcp, TCP_SAVE_SYN in the kernel's net/ipv4/tcp.c), or 0. */
static int ttl_of_connection(int fd)
{
	unsigned char headers[256];
	socklen_t length = sizeof headers;
	struct iphdr header;
	if (getsockopt(fd, IPPROTO_TCP, TCP_SAVED_SYN, headers, &length) != 0 || length < sizeof header)
		return 0;
	memcpy(&header, headers, sizeof header);
	return header.ttl;
}

static void answer_connection(int listener, const char *secret)
{
	struct sockaddr_in client;
	socklen_t length = sizeof client;
	int fd = accept4(listener, (struct sockaddr *)&client, &length, SOCK_CLOEXEC);
	if (fd < 0)
		return;
	/* Each connection in a process of its own: a client that stalls holds up nobody. */
	if (fork() != 0) {
		close(fd);
		return;
	}
	char text[1 << 12], asked[64] = "", *challenge = asked;
	alarm(5);
	ssize_t got = read(fd, asked, sizeof asked - 1);
	long wanted = got > 0 ? strtol(asked, &challenge, 10) : 0;
	challenge += strspn(challenge, " ");
	long sent = describe(text, sizeof text, secret, challenge, &client, ttl_of_connection(fd));
	if (write(fd, text, sent) != sent)
		_exit(1);
	memset(text, '.', sizeof text);
	while (sent < wanted) {
		ssize_t part = write(fd, text, wanted - sent < (long)sizeof text ? (size_t)(wanted - sent) : sizeof text);
		if (part <= 0)
			_exit(1);
		sent += part;
	}
	_exit(0);
}

static void answer_datagram(int fd, const char *secret)
{
	static char payload[1 << 16];
	char text[256], control[256], reply_control[CMSG_SPACE(sizeof(struct in_pktinfo))] = {0};
	struct sockaddr_in client;
	struct iovec part = {payload, sizeof payload};
	struct msghdr header = {.msg_name = &client, .msg_namelen = sizeof client, .msg_iov = &part, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof control};
	struct in_pktinfo asked = {0};
	int ttl = 0;
	ssize_t got = recvmsg(fd, &header, 0);
	if (got < 0)
		return;
	payload[got < CHALLENGE_LENGTH ? got : CHALLENGE_LENGTH] = '\0';
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL)
			memcpy(&ttl, CMSG_DATA(c), sizeof ttl);
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
			memcpy(&asked, CMSG_DATA(c), sizeof asked);
	}

	/* The answer leaves from the address that was asked, as a connected client expects. */
	struct in_pktinfo source = {.ipi_spec_dst = asked.ipi_spec_dst};
	struct iovec reply = {text, describe(text, sizeof text, secret, payload, &client, ttl)};
	struct msghdr out = {.msg_name = &client, .msg_namelen = sizeof client, .msg_iov = &reply, .msg_iovlen = 1,
		.msg_control = reply_control, .msg_controllen = sizeof reply_control};
	struct cmsghdr *info = CMSG_FIRSTHDR(&out);
	info->cmsg_level = IPPROTO_IP;
	info->cmsg_type = IP_PKTINFO;
	info->cmsg_len = CMSG_LEN(sizeof source);
	memcpy(CMSG_DATA(info), &source, sizeof source);
	sendmsg(fd, &out, MSG_NOSIGNAL);
}

int run_serve(int argc, char **argv)
{
	if (argc < 2) {
		errno = 0;
		die("serve: wanted SECRET [TCP_PORT [UDP_PORT]]");
	}
	signal(SIGCHLD, SIG_IGN);
	int tcp = listen_on(SOCK_STREAM, argc > 2 ? atoi(argv[2]) : 0);
	int udp = listen_on(SOCK_DGRAM, argc > 3 ? atoi(argv[3]) : 0);
	printf("%d %d\n", port_of(tcp), port_of(udp));
	fflush(stdout);
	for (;;) {
		struct pollfd fds[] = {{tcp, POLLIN, 0}, {udp, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
		if (poll(fds, 3, -1) < 0)
			continue;
		if (fds[0].revents)
			answer_connection(tcp, argv[1]);
		if (fds[1].revents)
			answer_datagram(udp, argv[1]);
		if (fds[2].revents)
			return 0;
	}
}
