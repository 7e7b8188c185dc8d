/* Takes flows out of the tables of connections of nodes (linux/netfilter/nfnetlink_conntrack.h).
 *
 *   forget tcp|udp SOURCE[,SOURCE] DESTINATION DESTINATION_PORT FIRST_SOURCE_PORT COUNT INIT...
 *
 * INIT is the pid of a node container's first process. The second SOURCE is the address that the client's node may have
 * put in the first one's place, as the other nodes see it. The flows from COUNT ports on: what a probe sent must not be
 * found later and taken for a client's.
 * `conntrack -D` reads the whole table for each flow; this names them. A flow that is not there is passed over. */
#define _GNU_SOURCE
#include "agent.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { AT_ONCE = 64, MESSAGE_SIZE = 128 };

static size_t length;
static char buffer[AT_ONCE * MESSAGE_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));

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

static void add_deletion(uint8_t protocol, const struct sockaddr_in *from, const struct sockaddr_in *to)
{
	struct nlmsghdr *header = (struct nlmsghdr *)(buffer + length);
	size_t begin = length;
	header->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE;
	header->nlmsg_flags = NLM_F_REQUEST;
	length += NLMSG_HDRLEN;
	*(struct nfgenmsg *)(buffer + length) = (struct nfgenmsg){.nfgen_family = AF_INET, .version = NFNETLINK_V0};
	length += NLMSG_ALIGN(sizeof(struct nfgenmsg));

	struct nlattr *tuple = begin_attribute(CTA_TUPLE_ORIG | NLA_F_NESTED);
	struct nlattr *addresses = begin_attribute(CTA_TUPLE_IP | NLA_F_NESTED);
	add_attribute(CTA_IP_V4_SRC, &from->sin_addr, sizeof from->sin_addr);
	add_attribute(CTA_IP_V4_DST, &to->sin_addr, sizeof to->sin_addr);
	end_attribute(addresses);
	struct nlattr *ports = begin_attribute(CTA_TUPLE_PROTO | NLA_F_NESTED);
	add_attribute(CTA_PROTO_NUM, &protocol, sizeof protocol);
	add_attribute(CTA_PROTO_SRC_PORT, &from->sin_port, sizeof from->sin_port);
	add_attribute(CTA_PROTO_DST_PORT, &to->sin_port, sizeof to->sin_port);
	end_attribute(ports);
	end_attribute(tuple);
	header->nlmsg_len = length - begin;
}

static void forget_here(uint8_t protocol, struct sockaddr_in from, const struct sockaddr_in *to, int count)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER), first = ntohs(from.sin_port);
	if (fd < 0)
		die("forget: netlink socket");
	for (int i = 0; i < count; i++) {
		from.sin_port = htons(first + i);
		add_deletion(protocol, &from, to);
		if (i % AT_ONCE < AT_ONCE - 1 && i < count - 1)
			continue;
		/* The kernel answers only what went wrong, which is read by nobody: most of all that there is no such flow. */
		if (send(fd, buffer, length, 0) < 0)
			die("forget: send");
		length = 0;
	}
	close(fd);
}

/* Goes from node to node, and stays with the last: to be called by a process that has nothing else to do. */
void forget_flows(uint8_t protocol, const struct sockaddr_in *sources, const struct sockaddr_in *to, int count, char **inits)
{
	char why[256];
	for (; *inits; inits++) {
		int netns = open_trusted_netns(atoi(*inits), "", why, sizeof why);
		errno = 0;
		if (netns < 0 || setns(netns, CLONE_NEWNET) != 0)
			die("forget: cannot enter a node: %s", netns < 0 ? why : "setns");
		close(netns);
		for (int i = 0; i < 2 && sources[i].sin_addr.s_addr; i++)
			forget_here(protocol, sources[i], to, count);
	}
}

/* Reads ADDRESS[,ADDRESS]; the second stays zero where there is none. */
bool parse_sources(const char *text, struct sockaddr_in *sources)
{
	char first[INET_ADDRSTRLEN];
	const char *comma = strchr(text, ',');
	snprintf(first, sizeof first, "%.*s", comma ? (int)(comma - text) : (int)strlen(text), text);
	for (int i = 0; i < 2; i++)
		sources[i] = (struct sockaddr_in){.sin_family = AF_INET};
	return inet_pton(AF_INET, first, &sources[0].sin_addr) == 1 &&
	       (!comma || inet_pton(AF_INET, comma + 1, &sources[1].sin_addr) == 1);
}

int run_forget(int argc, char **argv)
{
	struct sockaddr_in from[2], to = {.sin_family = AF_INET};
	errno = 0;
	if (argc < 8 || !parse_sources(argv[2], from) || inet_pton(AF_INET, argv[3], &to.sin_addr) != 1)
		die("forget: wanted tcp|udp SOURCE[,SOURCE] DESTINATION DESTINATION_PORT FIRST_SOURCE_PORT COUNT INIT...");
	to.sin_port = htons(atoi(argv[4]));
	from[0].sin_port = from[1].sin_port = htons(atoi(argv[5]));
	forget_flows(strcmp(argv[1], "udp") ? IPPROTO_TCP : IPPROTO_UDP, from, &to, atoi(argv[6]), argv + 7);
	return 0;
}
