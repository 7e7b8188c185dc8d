/* The servers that stand in a testbed: the endpoints of its Services, and hosts outside the cluster.
 *
 *   apps NAME=INIT/POD/PORT[,PORT]...  ...
 *
 * INIT is the pid of the node container's first process, POD is empty for the node itself. One process
 * serves them all: it enters each namespace only to make its sockets, and a socket keeps the namespace it
 * was made in. On each port it speaks HTTP over TCP, and answers datagrams. Every answer is one line,
 *
 *   b at 10.244.1.3:8080 answers 10.244.1.2:43210
 *
 * so that a learner sees which server answered, and as whom it saw the client. To a datagram's answer belongs
 * the TTL that arrived, ` ttl 64`. Where a request bears `challenge=ID` the line ends with ` seal SEAL`, made of
 * the line, of ID and of a secret that only the fabric can read, and that never travels (serve.c): nobody in a node
 * can answer in a server's place, or change a word of what one answered.
 *
 * Prints a line per server, `NAME INODE PORTS` with the inode of its namespace, and returns; the process
 * stays behind until /tmp/apps is removed. Called again, it does nothing as long as all of that still
 * holds, and otherwise starts anew. `NAME gone`: there is no such namespace. `NAME taken PORT`: somebody
 * else listens on a port. */
#define _GNU_SOURCE
#include "agent.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* What stands, as it was printed. Removing it ends the process that serves. */
#define STANDING "/tmp/apps"
/* Held for as long as a process serves. */
#define SERVING_LOCK "/tmp/apps.serving"
/* Held by whoever starts one. */
#define STARTING_LOCK "/tmp/apps.starting"

enum { LARGEST_REQUEST = 2048, LARGEST_ANSWER = 512, MAX_CONNECTIONS = 1024, IDLE_MS = 10000, NAME_SIZE = 32 };

enum kind { LISTENER, DATAGRAMS, CONNECTION, MARKER };

struct endpoint {
	enum kind kind;
	int fd;
	char name[NAME_SIZE];
	/* A connection's: what was read of a request, and when it last spoke. */
	long heard_ms;
	size_t length;
	char *request;
	struct endpoint *next;
};

static char secret[WORD_SIZE];
static int poller;
static struct endpoint *connections;
static int connection_count;

static struct endpoint *add_endpoint(enum kind kind, int fd, const char *name)
{
	struct endpoint *made = calloc(1, sizeof *made);
	if (!made)
		die("apps: no memory");
	made->kind = kind;
	made->fd = fd;
	snprintf(made->name, sizeof made->name, "%s", name);
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = made};
	if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) != 0)
		die("apps: cannot watch a socket");
	return made;
}

static int open_socket(int type, int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	int on = 1, fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (type == SOCK_DGRAM) {
		/* Linux lets two datagram sockets with SO_REUSEADDR share a port: then we would not be told. */
		on = 0;
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
		on = 1;
		setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
		setsockopt(fd, IPPROTO_IP, IP_RECVTTL, &on, sizeof on);
	}
	if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
		(type == SOCK_STREAM && listen(fd, MAX_CONNECTIONS) != 0)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* The challenge that a request bears; false where there is none. */
static bool find_challenge(const char *request, char id[WORD_SIZE])
{
	static const char mark[] = "challenge=";
	const char *at = strstr(request, mark);
	if (!at || strspn(at + strlen(mark), "0123456789abcdef") != CHALLENGE_LENGTH)
		return false;
	snprintf(id, WORD_SIZE, "%s", at + strlen(mark));
	return true;
}

static void print_address(char *text, size_t size, const struct sockaddr_in *address)
{
	char host[INET_ADDRSTRLEN];
	inet_ntop(AF_INET, &address->sin_addr, host, sizeof host);
	snprintf(text, size, "%s:%d", host, ntohs(address->sin_port));
}

static int describe(char *text, size_t size, const char *name, const struct sockaddr_in *own,
	const struct sockaddr_in *client, const char *request, int ttl)
{
	char at[32], from[32], arrived[16] = "", id[WORD_SIZE], seal[SEAL_SIZE];
	print_address(at, sizeof at, own);
	print_address(from, sizeof from, client);
	if (ttl > 0)
		snprintf(arrived, sizeof arrived, " ttl %d", ttl);
	int length = snprintf(text, size, "%s at %s answers %s%s", name, at, from, arrived);
	if (find_challenge(request, id)) {
		seal_answer(seal, secret, id, text);
		length += snprintf(text + length, size - length, SEAL_MARK "%s", seal);
	}
	return length + snprintf(text + length, size - length, "\n");
}

static void close_connection(struct endpoint *connection)
{
	for (struct endpoint **at = &connections; *at; at = &(*at)->next)
		if (*at == connection) {
			*at = connection->next;
			break;
		}
	connection_count--;
	close(connection->fd);
	free(connection->request);
	free(connection);
}

static void accept_connection(struct endpoint *listener)
{
	int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	char *request = connection_count < MAX_CONNECTIONS ? malloc(LARGEST_REQUEST + 1) : NULL;
	if (!request) {
		close(fd);
		return;
	}
	struct endpoint *made = add_endpoint(CONNECTION, fd, listener->name);
	made->request = request;
	made->heard_ms = now_ms();
	made->next = connections;
	connections = made;
	connection_count++;
}

/* Answers one request; false when the connection is over. */
static bool answer_request(struct endpoint *connection)
{
	struct sockaddr_in own, client;
	socklen_t own_length = sizeof own, client_length = sizeof client;
	char line[LARGEST_ANSWER], answer[2 * LARGEST_ANSWER];
	getsockname(connection->fd, (struct sockaddr *)&own, &own_length);
	if (getpeername(connection->fd, (struct sockaddr *)&client, &client_length) != 0)
		return false;
	int length = describe(line, sizeof line, connection->name, &own, &client, connection->request, 0);
	bool close_after = strcasestr(connection->request, "connection: close") || strstr(connection->request, "HTTP/1.0");
	int total = snprintf(answer, sizeof answer,
		"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: %s\r\n\r\n%s", length,
		close_after ? "close" : "keep-alive", line);
	return send(connection->fd, answer, total, MSG_NOSIGNAL) == total && !close_after;
}

static void read_connection(struct endpoint *connection)
{
	ssize_t got = read(connection->fd, connection->request + connection->length, LARGEST_REQUEST - connection->length);
	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0) {
		close_connection(connection);
		return;
	}
	connection->heard_ms = now_ms();
	connection->length += got;
	connection->request[connection->length] = '\0';
	if (!strstr(connection->request, "\r\n\r\n") && !strstr(connection->request, "\n\n")) {
		if (connection->length == LARGEST_REQUEST)
			close_connection(connection);
		return;
	}
	connection->length = 0;
	if (!answer_request(connection))
		close_connection(connection);
}

static void answer_datagram(struct endpoint *endpoint)
{
	char request[LARGEST_REQUEST + 1], text[LARGEST_ANSWER];
	char control[256], reply_control[CMSG_SPACE(sizeof(struct in_pktinfo))] = {0};
	struct sockaddr_in client, own = {.sin_family = AF_INET};
	socklen_t own_length = sizeof own;
	struct iovec part = {request, LARGEST_REQUEST};
	struct msghdr header = {.msg_name = &client, .msg_namelen = sizeof client, .msg_iov = &part, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof control};
	struct in_pktinfo asked = {0};
	int ttl = 0;
	ssize_t got = recvmsg(endpoint->fd, &header, 0);
	if (got < 0)
		return;
	request[got] = '\0';
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL)
			memcpy(&ttl, CMSG_DATA(c), sizeof ttl);
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
			memcpy(&asked, CMSG_DATA(c), sizeof asked);
	}
	getsockname(endpoint->fd, (struct sockaddr *)&own, &own_length);
	own.sin_addr = asked.ipi_spec_dst;

	/* The answer leaves from the address that was asked, as a connected client expects. */
	struct in_pktinfo source = {.ipi_spec_dst = asked.ipi_spec_dst};
	struct iovec reply = {text, describe(text, sizeof text, endpoint->name, &own, &client, request, ttl)};
	struct msghdr out = {.msg_name = &client, .msg_namelen = sizeof client, .msg_iov = &reply, .msg_iovlen = 1,
		.msg_control = reply_control, .msg_controllen = sizeof reply_control};
	struct cmsghdr *info = CMSG_FIRSTHDR(&out);
	info->cmsg_level = IPPROTO_IP;
	info->cmsg_type = IP_PKTINFO;
	info->cmsg_len = CMSG_LEN(sizeof source);
	memcpy(CMSG_DATA(info), &source, sizeof source);
	sendmsg(endpoint->fd, &out, MSG_NOSIGNAL);
}

static void close_idle(void)
{
	long now = now_ms();
	for (struct endpoint *at = connections, *next; at; at = next) {
		next = at->next;
		if (now - at->heard_ms > IDLE_MS)
			close_connection(at);
	}
}

__attribute__((noreturn)) static void serve_all(void)
{
	for (;;) {
		struct epoll_event events[64];
		int count = epoll_wait(poller, events, 64, connections ? IDLE_MS : -1);
		for (int i = 0; i < count; i++) {
			struct endpoint *endpoint = events[i].data.ptr;
			switch (endpoint->kind) {
			case LISTENER:
				accept_connection(endpoint);
				break;
			case DATAGRAMS:
				answer_datagram(endpoint);
				break;
			case CONNECTION:
				read_connection(endpoint);
				break;
			case MARKER:
				_exit(0);
			}
		}
		close_idle();
	}
}

struct app {
	char name[NAME_SIZE], pod[64], ports[128];
	pid_t init;
	int netns; /* or -1 */
};

static bool parse_app(char *text, struct app *app)
{
	int init, used = 0;
	*app = (struct app){.netns = -1};
	char *slash = strrchr(text, '/');
	if (!slash || strlen(slash + 1) >= sizeof app->ports)
		return false;
	strcpy(app->ports, slash + 1);
	*slash = '\0';
	if (sscanf(text, "%31[^=]=%d/%n", app->name, &init, &used) != 2 || used == 0 || strlen(text + used) >= sizeof app->pod)
		return false;
	strcpy(app->pod, text + used);
	app->init = init;
	return true;
}

/* How the server stands when all is well: what is compared with what is written. */
static int describe_app(char *text, size_t size, const struct app *app)
{
	struct stat about;
	if (app->netns < 0 || fstat(app->netns, &about) != 0)
		return snprintf(text, size, "%s gone\n", app->name);
	return snprintf(text, size, "%s %lu %s\n", app->name, (unsigned long)about.st_ino, app->ports);
}

/* Opens the sockets of one server, and says how it stands. */
static int start_app(char *text, size_t size, const struct app *app)
{
	char ports[sizeof app->ports], *rest = NULL;
	if (app->netns < 0)
		return describe_app(text, size, app);
	if (setns(app->netns, CLONE_NEWNET) != 0)
		die("apps: cannot enter the network namespace of %s", app->name);
	strcpy(ports, app->ports);
	for (char *port = strtok_r(ports, ",", &rest); port; port = strtok_r(NULL, ",", &rest)) {
		int tcp = open_socket(SOCK_STREAM, atoi(port)), udp = open_socket(SOCK_DGRAM, atoi(port));
		if (tcp >= 0)
			add_endpoint(LISTENER, tcp, app->name);
		if (udp >= 0)
			add_endpoint(DATAGRAMS, udp, app->name);
		if (tcp < 0 || udp < 0)
			return snprintf(text, size, "%s taken %s\n", app->name, port);
	}
	return describe_app(text, size, app);
}

static int open_lock(const char *path)
{
	int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		die("apps: cannot open %s", path);
	return fd;
}

static void read_standing(char *text, size_t size)
{
	int fd = open(STANDING, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd >= 0 ? read(fd, text, size - 1) : 0;
	text[got > 0 ? got : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

int run_apps(int argc, char **argv)
{
	static struct app apps[64];
	static char wanted[8192], standing[8192], why[256];
	int count = argc - 1, length = 0;
	errno = 0;
	if (count > 64)
		die("apps: more than 64 servers");
	for (int i = 0; i < count; i++)
		if (!parse_app(argv[i + 1], &apps[i]))
			die("apps: wanted NAME=INIT/POD/PORT[,PORT], found '%s'", argv[i + 1]);
	/* A starter that hangs holds up nobody for ever. */
	alarm(10);
	int starting = open_lock(STARTING_LOCK);
	flock(starting, LOCK_EX);
	for (int i = 0; i < count; i++) {
		apps[i].netns = open_trusted_netns(apps[i].init, apps[i].pod, why, sizeof why);
		length += describe_app(wanted + length, sizeof wanted - length, &apps[i]);
	}
	int serving = open_lock(SERVING_LOCK);
	bool served = flock(serving, LOCK_EX | LOCK_NB) != 0;
	read_standing(standing, sizeof standing);
	if (served && !strcmp(standing, wanted)) {
		fputs(standing, stdout);
		return 0;
	}
	unlink(STANDING);
	if (served)
		flock(serving, LOCK_EX);

	read_sealing_secret(secret);
	poller = epoll_create1(EPOLL_CLOEXEC);
	int own_netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	length = 0;
	for (int i = 0; i < count; i++)
		length += start_app(standing + length, sizeof standing - length, &apps[i]);
	if (setns(own_netns, CLONE_NEWNET) != 0)
		die("apps: cannot return to the fabric's namespace");
	for (int i = 0; i < count; i++)
		if (apps[i].netns >= 0)
			close(apps[i].netns);
	close(own_netns);
	int file = open(STANDING, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	if (file < 0 || write(file, standing, length) != length)
		die("apps: cannot write %s", STANDING);
	close(file);
	int marker = inotify_init1(IN_CLOEXEC);
	if (marker < 0 || inotify_add_watch(marker, STANDING, IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF) < 0)
		die("apps: cannot watch %s", STANDING);
	add_endpoint(MARKER, marker, "");

	fflush(stdout);
	pid_t stays = fork();
	if (stays < 0)
		die("apps: fork");
	if (stays > 0) {
		fputs(standing, stdout);
		return 0;
	}
	setsid();
	close(starting);
	int null = open("/dev/null", O_RDWR);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	close(null);
	serve_all();
}
