/* Captures in every namespace of a testbed at once, and leaves no trace of the probes it watches.
 *
 *   capture FIRST_PORT LAST_PORT SNAP_BYTES NODE=INIT...
 *
 * INIT is the pid of the node container's first process. The probes are those whose source port (ICMP: id)
 * lies between the two numbers. Prints lines of fields separated by spaces:
 *
 *   space ID NODE POD           a namespace; POD is - for the node itself
 *   alias ID NODE POD           another name of it: a pod on the host's network
 *   device ID INDEX TYPE NAME   an interface of it (TYPE: ARPHRD_*)
 *   ready                       everything that passes from now on is told
 *   frame ID INDEX PKTTYPE SECONDS NANOSECONDS LENGTH HEX     PKTTYPE: PACKET_* of linux/if_packet.h
 *   restored                    what the probes left is gone
 *
 * To each byte of input it says `synced` once all that passed before is told; the end of its input ends it. One process sees all namespaces on one clock, and starts in milliseconds.
 * What the probes leave (neighbours, connections, what they teach about sizes) is taken away at the end; if
 * this process is killed, by a process that it left behind for that: the keeper. */
#define _GNU_SOURCE
#include "agent.h"
#include "traces.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/openat2.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { MAX_SPACES = 512, MAX_NAME = 64, SNAP_LIMIT = 1 << 16 };

struct space {
	int namespace, packets;
	ino_t inode;
	char node[MAX_NAME], pod[MAX_NAME];
	struct neighbours *known;
	struct tunnels *tunnels;
};

static struct space spaces[MAX_SPACES];
static int space_count;
static struct flows flows;
/* Somebody said "fragmentation needed"; the keeper cannot know, and assumes it. */
static bool sizes_taught;

static bool enter(const struct space *space)
{
	return setns(space->namespace, CLONE_NEWNET) == 0;
}

/* Names become fields of a line, and parts of paths. */
static bool is_plain(const char *name)
{
	return *name && *name != '.' && strlen(name) < MAX_NAME &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == strlen(name);
}

static void add_space(pid_t init, const char *node, const char *pod)
{
	char why[256];
	if (space_count == MAX_SPACES)
		return;
	int namespace = open_trusted_netns(init, pod, why, sizeof why);
	if (namespace < 0)
		return; /* a pod without a namespace sees nothing */
	struct stat status = {0};
	fstat(namespace, &status);
	for (int i = 0; i < space_count; i++)
		if (spaces[i].inode == status.st_ino) {
			printf("alias %d %s %s\n", i, node, pod);
			close(namespace);
			return;
		}
	struct space *space = &spaces[space_count];
	*space = (struct space){.namespace = namespace, .packets = -1, .inode = status.st_ino, .known = calloc(1, sizeof(struct neighbours)), .tunnels = calloc(1, sizeof(struct tunnels))};
	snprintf(space->node, sizeof space->node, "%s", node);
	snprintf(space->pod, sizeof space->pod, "%s", pod);
	if (!space->known || !space->tunnels || !enter(space))
		die("capture: cannot enter the network namespace of %s %s", node, pod);
	read_neighbours(space->known);
	read_tunnels(space->tunnels);
	printf("space %d %s %s\n", space_count, node, *pod ? pod : "-");
	struct if_nameindex *devices = if_nameindex();
	int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	for (struct if_nameindex *device = devices; device && device->if_index; device++) {
		struct ifreq request = {0};
		snprintf(request.ifr_name, sizeof request.ifr_name, "%s", device->if_name);
		int type = ioctl(any, SIOCGIFHWADDR, &request) == 0 ? request.ifr_hwaddr.sa_family : 1;
		printf("device %d %u %d %s\n", space_count, device->if_index, type, device->if_name);
	}
	if (any >= 0)
		close(any);
	if_freenameindex(devices);
	space_count++;
}

/* The learner owns the paths of the world: they are resolved with its root as root. */
static void add_node(const char *argument)
{
	char node[MAX_NAME], path[64];
	const char *pid = strchr(argument, '=');
	if (!pid || pid - argument >= MAX_NAME) {
		errno = 0;
		die("capture: wanted NODE=INIT, found '%s'", argument);
	}
	snprintf(node, sizeof node, "%.*s", (int)(pid - argument), argument);
	pid_t init = atoi(pid + 1);
	add_space(init, node, "");
	snprintf(path, sizeof path, "/proc/%d/root", (int)find_world(init));
	int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	int list = root < 0 ? -1 : syscall(SYS_openat2, root, "run/netns", &how, sizeof how);
	DIR *directory = list < 0 ? NULL : fdopendir(list);
	for (struct dirent *entry; directory && (entry = readdir(directory));)
		if (is_plain(entry->d_name))
			add_space(init, node, entry->d_name);
	if (directory)
		closedir(directory);
	if (root >= 0)
		close(root);
}

/* Until no namespace knows anything more: NAT gives a connection another name in the next one. */
static void restore(void)
{
	for (int found = 1; found;) {
		found = 0;
		for (int i = 0; i < space_count; i++)
			if (enter(&spaces[i]))
				found |= forget_connections(&flows, spaces[i].tunnels);
	}
	for (int i = 0; i < space_count; i++) {
		if (!enter(&spaces[i]))
			continue;
		forget_new_neighbours(spaces[i].known);
		if (sizes_taught)
			forget_path_mtu();
	}
}

/* Returns the end of a pipe that has to be written to before it is closed: otherwise the keeper restores. */
static int leave_keeper(void)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) != 0)
		die("capture: pipe");
	pid_t keeper = fork();
	if (keeper < 0)
		die("capture: cannot start the keeper");
	if (keeper > 0) {
		close(ends[0]);
		return ends[1];
	}
	char told;
	close(ends[1]);
	setsid();
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	ssize_t got;
	while ((got = read(ends[0], &told, 1)) < 0 && errno == EINTR)
		;
	/* A word says that all is restored already; the end without one, that nobody is left to do it. */
	sizes_taught = true;
	if (got == 0)
		restore();
	_exit(0);
}

static void listen_in(struct space *space)
{
	int large = 1 << 22, on = 1;
	if (!enter(space))
		die("capture: cannot enter the network namespace of %s %s", space->node, space->pod);
	space->packets = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL));
	if (space->packets < 0)
		die("capture: packet socket");
	setsockopt(space->packets, SOL_SOCKET, SO_RCVBUFFORCE, &large, sizeof large);
	setsockopt(space->packets, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
}

/* ICMP type 3, code 4 (RFC 1191), in an Ethernet frame. */
static bool is_size_message(const unsigned char *bytes, ssize_t length)
{
	return length >= 36 && bytes[12] == 8 && bytes[13] == 0 && bytes[23] == 1 && bytes[34] == 3 && bytes[35] == 4;
}

static void print_frames(int id, size_t snap)
{
	static const char digits[] = "0123456789abcdef";
	static unsigned char bytes[SNAP_LIMIT];
	static char text[2 * SNAP_LIMIT + 1];
	for (;;) {
		struct sockaddr_ll from;
		char control[128];
		struct iovec part = {bytes, snap};
		struct msghdr message = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &part, .msg_iovlen = 1,
			.msg_control = control, .msg_controllen = sizeof control};
		ssize_t length = recvmsg(spaces[id].packets, &message, MSG_TRUNC);
		if (length < 0)
			return;
		struct timespec at = {0, 0};
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c))
			if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPNS)
				memcpy(&at, CMSG_DATA(c), sizeof at);
		sizes_taught |= is_size_message(bytes, length);
		size_t kept = (size_t)length < snap ? (size_t)length : snap;
		for (size_t i = 0; i < kept; i++) {
			text[2 * i] = digits[bytes[i] >> 4];
			text[2 * i + 1] = digits[bytes[i] & 15];
		}
		text[2 * kept] = '\0';
		printf("frame %d %d %d %ld %ld %zd %s\n", id, from.sll_ifindex, from.sll_pkttype, (long)at.tv_sec, at.tv_nsec, length, text);
	}
}

int run_capture(int argc, char **argv)
{
	static struct pollfd fds[1 + MAX_SPACES];
	errno = 0;
	if (argc < 5)
		die("capture: wanted FIRST_PORT LAST_PORT SNAP_BYTES NODE=INIT...");
	flows.first_port = atoi(argv[1]);
	flows.last_port = atoi(argv[2]);
	size_t snap = atol(argv[3]);
	if (snap < 1 || snap > SNAP_LIMIT)
		snap = SNAP_LIMIT;
	for (int i = 4; i < argc; i++)
		add_node(argv[i]);
	fflush(stdout);
	int keeper = leave_keeper();
	for (int i = 0; i < space_count; i++)
		listen_in(&spaces[i]);
	puts("ready");
	for (bool more = true; more;) {
		fflush(stdout);
		fds[0] = (struct pollfd){STDIN_FILENO, POLLIN, 0};
		for (int i = 0; i < space_count; i++)
			fds[1 + i] = (struct pollfd){spaces[i].packets, POLLIN, 0};
		if (poll(fds, 1 + space_count, -1) < 0)
			continue;
		char asked[64];
		ssize_t length = fds[0].revents ? read(STDIN_FILENO, asked, sizeof asked) : -1;
		more = !fds[0].revents || length > 0;
		for (int i = 0; i < space_count; i++)
			print_frames(i, snap);
		for (; length > 0; length--)
			puts("synced");
	}
	restore();
	puts("restored");
	fflush(stdout);
	return write(keeper, "", 1) == 1 ? 0 : 1;
}
