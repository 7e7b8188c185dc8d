/* Takes flows out of the tables of connections of nodes (linux/netfilter/nfnetlink_conntrack.h).
 *
 *   forget tcp|udp SOURCE DESTINATION DESTINATION_PORT FIRST_SOURCE_PORT COUNT INIT...
 *
 * INIT is the pid of a node container's first process. The flows from COUNT ports on: what a probe sent must not be
 * found later and taken for a client's. A node that translates a flow tells how it goes on, and as such it is looked for
 * in all nodes in turn. A flow that is not there is passed over.
 *
 * Our clients end a connection by a reset. On a busy machine it may still be on its way, and without the flow nobody
 * would translate it: the server would keep its end, and refuse the port when it comes round again. So the kernel is
 * asked, for a while, whether it has seen the reset. On such a machine each question takes as long as the reset's way:
 * the while is so much time, and so many questions. */
#define _GNU_SOURCE
#include "agent.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Each answer takes a page of the socket's buffer. */
enum { AT_ONCE = 48, MESSAGE_SIZE = 128, ANSWER_SIZE = 1 << 13, BUFFER_SIZE = 1 << 20 };

/* A flow passes a few nodes, and each of them translates it once. */
enum { MAX_ROUNDS = 8, RESET_WITHIN_MS = 200, RESET_WITHIN_LOOKS = 100 };

struct tuple {
	struct in_addr source, destination;
	in_port_t source_port, destination_port;
};

struct tuples {
	struct tuple *list;
	int count, room;
};

static uint8_t protocol;
static size_t length;
static char buffer[AT_ONCE * MESSAGE_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));

static void add_tuple(struct tuples *to, struct tuple tuple)
{
	if (to->count == to->room) {
		to->room = to->room ? 2 * to->room : 64;
		to->list = realloc(to->list, to->room * sizeof *to->list);
		if (!to->list)
			die("forget: no memory");
	}
	to->list[to->count++] = tuple;
}

static struct nlattr *begin_attribute(int type)
{
	struct nlattr *attribute = (struct nlattr *)(buffer + length);
	attribute->nla_type = type;
	length += NLA_HDRLEN;
	return attribute;
}

static void end_attribute(struct nlattr *attribute)
{
	attribute->nla_len = buffer + length - (char *)attribute;
	length = NLA_ALIGN(length);
}

static void add_attribute(int type, const void *value, size_t size)
{
	struct nlattr *attribute = begin_attribute(type);
	memcpy(buffer + length, value, size);
	length += size;
	end_attribute(attribute);
}

/* The kernel answers with this number. */
static void add_request(int type, int number, const struct tuple *flow)
{
	struct nlmsghdr *header = (struct nlmsghdr *)(buffer + length);
	size_t begin = length;
	*header = (struct nlmsghdr){.nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | type, .nlmsg_flags = NLM_F_REQUEST, .nlmsg_seq = number};
	length += NLMSG_HDRLEN;
	*(struct nfgenmsg *)(buffer + length) = (struct nfgenmsg){.nfgen_family = AF_INET, .version = NFNETLINK_V0};
	length += NLMSG_ALIGN(sizeof(struct nfgenmsg));

	struct nlattr *tuple = begin_attribute(CTA_TUPLE_ORIG | NLA_F_NESTED);
	struct nlattr *addresses = begin_attribute(CTA_TUPLE_IP | NLA_F_NESTED);
	add_attribute(CTA_IP_V4_SRC, &flow->source, sizeof flow->source);
	add_attribute(CTA_IP_V4_DST, &flow->destination, sizeof flow->destination);
	end_attribute(addresses);
	struct nlattr *ports = begin_attribute(CTA_TUPLE_PROTO | NLA_F_NESTED);
	add_attribute(CTA_PROTO_NUM, &protocol, sizeof protocol);
	add_attribute(CTA_PROTO_SRC_PORT, &flow->source_port, sizeof flow->source_port);
	add_attribute(CTA_PROTO_DST_PORT, &flow->destination_port, sizeof flow->destination_port);
	end_attribute(ports);
	end_attribute(tuple);
	header->nlmsg_len = length - begin;
}

static void send_requests(int fd)
{
	if (length > 0 && send(fd, buffer, length, 0) < 0)
		die("forget: send");
	length = 0;
}

/* Copies the value of an attribute that lies so deep; what is not there leaves `value` alone. */
static void read_attribute(const void *bytes, int left, const int *path, void *value, size_t size)
{
	for (const struct nlattr *each = bytes; left >= NLA_HDRLEN && each->nla_len >= NLA_HDRLEN && each->nla_len <= left;
	     left -= NLA_ALIGN(each->nla_len), each = (const void *)((const char *)each + NLA_ALIGN(each->nla_len))) {
		if ((each->nla_type & NLA_TYPE_MASK) != path[0])
			continue;
		const char *inside = (const char *)each + NLA_HDRLEN;
		if (path[1])
			read_attribute(inside, each->nla_len - NLA_HDRLEN, path + 1, value, size);
		else if (each->nla_len - NLA_HDRLEN >= (int)size)
			memcpy(value, inside, size);
		return;
	}
}

#define READ(bytes, size, out, ...) read_attribute(bytes, size, (const int[]){__VA_ARGS__, 0}, out, sizeof *(out))

/* The flow as it goes on from here, and how far its connection is (0 where there is none). */
static struct tuple read_onward(const struct nlmsghdr *header, uint8_t *state)
{
	const char *bytes = (const char *)NLMSG_DATA(header) + NLMSG_ALIGN(sizeof(struct nfgenmsg));
	int size = header->nlmsg_len - NLMSG_SPACE(sizeof(struct nfgenmsg));
	struct tuple onward = {0};
	*state = 0;
	READ(bytes, size, &onward.source, CTA_TUPLE_REPLY, CTA_TUPLE_IP, CTA_IP_V4_DST);
	READ(bytes, size, &onward.destination, CTA_TUPLE_REPLY, CTA_TUPLE_IP, CTA_IP_V4_SRC);
	READ(bytes, size, &onward.source_port, CTA_TUPLE_REPLY, CTA_TUPLE_PROTO, CTA_PROTO_DST_PORT);
	READ(bytes, size, &onward.destination_port, CTA_TUPLE_REPLY, CTA_TUPLE_PROTO, CTA_PROTO_SRC_PORT);
	READ(bytes, size, state, CTA_PROTOINFO, CTA_PROTOINFO_TCP, CTA_PROTOINFO_TCP_STATE);
	return onward;
}

/* Takes flows away in one node. Adds how they go on to `onward`, and to `open` those that still wait for their reset. */
static void forget_in(int fd, const struct tuples *flows, struct tuples *onward, struct tuples *open)
{
	static char answer[ANSWER_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	for (int first = 0; first < flows->count; first += AT_ONCE) {
		int last = first + AT_ONCE < flows->count ? first + AT_ONCE : flows->count;
		for (int i = first; i < last; i++)
			add_request(IPCTNL_MSG_CT_GET, i + 1, &flows->list[i]);
		send_requests(fd);
		/* Each is answered, by the flow or by an error; a deletion, number 0, only by an error. */
		for (int answered = first; answered < last;) {
			ssize_t got = recv(fd, answer, sizeof answer, 0);
			if (got < 0)
				die("forget: recv");
			for (struct nlmsghdr *header = (struct nlmsghdr *)answer; NLMSG_OK(header, got); header = NLMSG_NEXT(header, got)) {
				if (header->nlmsg_seq == 0)
					continue;
				answered++;
				if (header->nlmsg_type == NLMSG_ERROR)
					continue;
				uint8_t state;
				const struct tuple *flow = &flows->list[header->nlmsg_seq - 1];
				struct tuple next = read_onward(header, &state);
				if (open && state == TCP_CONNTRACK_ESTABLISHED) {
					add_tuple(open, *flow);
					continue;
				}
				add_request(IPCTNL_MSG_CT_DELETE, 0, flow);
				if (memcmp(&next, flow, sizeof next))
					add_tuple(onward, next);
			}
		}
		send_requests(fd);
	}
}

static int open_table(const char *init)
{
	char why[256];
	int netns = open_trusted_netns(atoi(init), "", why, sizeof why), size = BUFFER_SIZE;
	errno = 0;
	if (netns < 0 || setns(netns, CLONE_NEWNET) != 0)
		die("forget: cannot enter a node: %s", netns < 0 ? why : "setns");
	close(netns);
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0)
		die("forget: netlink socket");
	return fd;
}

/* Enters the nodes, and stays with the last: to be called by a process that has nothing else to do. */
void forget_flows(uint8_t number, struct sockaddr_in from, const struct sockaddr_in *to, int count, char **inits)
{
	struct tuples flows = {0};
	int nodes = 0, looks = 0, first = ntohs(from.sin_port);
	long deadline = now_ms() + RESET_WITHIN_MS;
	protocol = number;
	while (inits[nodes])
		nodes++;
	int tables[nodes + 1];
	for (int node = 0; node < nodes; node++)
		tables[node] = open_table(inits[node]);
	for (int i = 0; i < count; i++)
		add_tuple(&flows, (struct tuple){from.sin_addr, to->sin_addr, htons(first + i), to->sin_port});
	for (int round = 0; round < MAX_ROUNDS && flows.count > 0; round++) {
		struct tuples onward = {0};
		for (int node = 0; node < nodes; node++) {
			struct tuples here = flows, open = {0};
			forget_in(tables[node], &here, &onward, &open);
			while (open.count > 0) {
				bool late = ++looks > RESET_WITHIN_LOOKS && now_ms() >= deadline;
				here = open;
				open = (struct tuples){0};
				poll(NULL, 0, late ? 0 : 1);
				forget_in(tables[node], &here, &onward, late ? NULL : &open);
			}
		}
		flows = onward;
	}
	for (int node = 0; node < nodes; node++)
		close(tables[node]);
}

int run_forget(int argc, char **argv)
{
	struct sockaddr_in from = {.sin_family = AF_INET}, to = from;
	errno = 0;
	if (argc < 8 || inet_pton(AF_INET, argv[2], &from.sin_addr) != 1 || inet_pton(AF_INET, argv[3], &to.sin_addr) != 1)
		die("forget: wanted tcp|udp SOURCE DESTINATION DESTINATION_PORT FIRST_SOURCE_PORT COUNT INIT...");
	to.sin_port = htons(atoi(argv[4]));
	from.sin_port = htons(atoi(argv[5]));
	forget_flows(strcmp(argv[1], "udp") ? IPPROTO_TCP : IPPROTO_UDP, from, &to, atoi(argv[6]), argv + 7);
	return 0;
}
