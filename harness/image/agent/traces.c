/* Takes away what a probe left behind: neighbours that the kernel learned for it, connections it was
 * tracked as, and what it taught about the size of packets. */
#define _GNU_SOURCE
#include "agent.h"
#include "traces.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/neighbour.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER_SIZE = 1 << 16 };

static int open_netlink(int protocol)
{
	struct timeval patience = {2, 0};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	return fd;
}

/* Asks for a dump and calls `take` for each message of it. */
static void dump(int fd, const struct nlmsghdr *request, void (*take)(const struct nlmsghdr *, void *), void *data)
{
	static char answer[ANSWER_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	if (send(fd, request, request->nlmsg_len, 0) < 0)
		return;
	for (;;) {
		ssize_t length = recv(fd, answer, sizeof answer, 0);
		if (length <= 0)
			return;
		for (struct nlmsghdr *header = (struct nlmsghdr *)answer; NLMSG_OK(header, length); header = NLMSG_NEXT(header, length)) {
			if (header->nlmsg_type == NLMSG_DONE || header->nlmsg_type == NLMSG_ERROR)
				return;
			take(header, data);
		}
	}
}

/* Sends a request and waits for its acknowledgement; that something is gone already is no error. */
static void order(int fd, struct nlmsghdr *request)
{
	char answer[4096];
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	if (send(fd, request, request->nlmsg_len, 0) >= 0)
		while (recv(fd, answer, sizeof answer, 0) < 0 && errno == EINTR)
			;
}

static void take_neighbour(const struct nlmsghdr *header, void *data)
{
	struct neighbours *out = data;
	const struct ndmsg *entry = NLMSG_DATA(header);
	int length = NLMSG_PAYLOAD(header, sizeof *entry);
	if (header->nlmsg_type != RTM_NEWNEIGH || entry->ndm_family != AF_INET || out->count == MAX_NEIGHBOURS)
		return;
	if (entry->ndm_state & (NUD_PERMANENT | NUD_NOARP))
		return;
	for (const struct rtattr *attribute = (const void *)((const char *)entry + NLMSG_ALIGN(sizeof *entry));
	     RTA_OK(attribute, length); attribute = RTA_NEXT(attribute, length))
		if (attribute->rta_type == NDA_DST && RTA_PAYLOAD(attribute) == sizeof(uint32_t)) {
			struct neighbour *found = &out->list[out->count++];
			found->device = entry->ndm_ifindex;
			memcpy(&found->address, RTA_DATA(attribute), sizeof found->address);
		}
}

void read_neighbours(struct neighbours *out)
{
	struct {
		struct nlmsghdr header;
		struct ndmsg body;
	} request = {.header = {sizeof request, RTM_GETNEIGH, NLM_F_REQUEST | NLM_F_DUMP, 1, 0}, .body = {.ndm_family = AF_INET}};
	int fd = open_netlink(NETLINK_ROUTE);
	out->count = 0;
	if (fd < 0)
		return;
	dump(fd, &request.header, take_neighbour, out);
	close(fd);
}

static bool is_known(const struct neighbours *known, const struct neighbour *entry)
{
	for (int i = 0; i < known->count; i++)
		if (known->list[i].device == entry->device && known->list[i].address == entry->address)
			return true;
	return false;
}

void forget_new_neighbours(const struct neighbours *known)
{
	static struct neighbours now;
	read_neighbours(&now);
	int fd = open_netlink(NETLINK_ROUTE);
	for (int i = 0; fd >= 0 && i < now.count; i++) {
		if (is_known(known, &now.list[i]))
			continue;
		struct {
			struct nlmsghdr header;
			struct ndmsg body;
			struct rtattr attribute;
			uint32_t address;
		} request = {
			.header = {.nlmsg_len = sizeof request, .nlmsg_type = RTM_DELNEIGH, .nlmsg_seq = 2},
			.body = {.ndm_family = AF_INET, .ndm_ifindex = now.list[i].device},
			.attribute = {RTA_LENGTH(sizeof(uint32_t)), NDA_DST},
			.address = now.list[i].address,
		};
		order(fd, &request.header);
	}
	if (fd >= 0)
		close(fd);
}

static const struct nlattr *find_attribute(const void *bytes, int length, int type)
{
	for (const struct nlattr *attribute = bytes;
	     length >= (int)sizeof *attribute && attribute->nla_len >= sizeof *attribute && attribute->nla_len <= length;) {
		if ((attribute->nla_type & NLA_TYPE_MASK) == type)
			return attribute;
		int step = NLA_ALIGN(attribute->nla_len);
		length -= step;
		attribute = (const void *)((const char *)attribute + step);
	}
	return NULL;
}

static const struct nlattr *find_inside(const struct nlattr *outer, int type)
{
	return outer ? find_attribute((const char *)outer + NLA_HDRLEN, outer->nla_len - NLA_HDRLEN, type) : NULL;
}

static bool read_value(const struct nlattr *attribute, void *out, size_t size)
{
	if (!attribute || attribute->nla_len < NLA_HDRLEN + size)
		return false;
	memcpy(out, (const char *)attribute + NLA_HDRLEN, size);
	return true;
}

static bool read_tuple(const struct nlattr *tuple, struct flow *out)
{
	const struct nlattr *ip = find_inside(tuple, CTA_TUPLE_IP), *proto = find_inside(tuple, CTA_TUPLE_PROTO);
	uint16_t port = 0;
	*out = (struct flow){0};
	if (!read_value(find_inside(ip, CTA_IP_V4_SRC), &out->source, 4) || !read_value(find_inside(ip, CTA_IP_V4_DST), &out->destination, 4) ||
	    !read_value(find_inside(proto, CTA_PROTO_NUM), &out->protocol, 1))
		return false;
	if (read_value(find_inside(proto, CTA_PROTO_ICMP_ID), &port, 2)) {
		out->source_port = out->destination_port = ntohs(port);
		return true;
	}
	if (read_value(find_inside(proto, CTA_PROTO_SRC_PORT), &port, 2))
		out->source_port = ntohs(port);
	if (read_value(find_inside(proto, CTA_PROTO_DST_PORT), &port, 2))
		out->destination_port = ntohs(port);
	return true;
}

static bool same_flow(const struct flow *a, const struct flow *b)
{
	return a->protocol == b->protocol && a->source == b->source && a->destination == b->destination &&
	       a->source_port == b->source_port && a->destination_port == b->destination_port;
}

/* VXLAN: the kernel's port, and the one of RFC 7348. */
static bool is_tunnel(const struct flow *flow)
{
	return flow->protocol == IPPROTO_UDP && (flow->destination_port == 8472 || flow->destination_port == 4789);
}

/* What is to be deleted, as the kernel wrote it: the original tuple, and the zone. */
struct deletion {
	size_t length;
	char bytes[256];
};

struct search {
	struct flows *flows;
	const struct tunnels *known;
	int count;
	struct deletion found[MAX_FLOWS];
};

static void take_connection(const struct nlmsghdr *header, void *data)
{
	struct search *search = data;
	struct flows *flows = search->flows;
	const struct nfgenmsg *body = NLMSG_DATA(header);
	const void *attributes = (const char *)body + NLMSG_ALIGN(sizeof *body);
	int length = NLMSG_PAYLOAD(header, sizeof *body);
	const struct nlattr *original = find_attribute(attributes, length, CTA_TUPLE_ORIG);
	const struct nlattr *zone = find_attribute(attributes, length, CTA_ZONE);
	struct flow sent, answered;
	if (!read_tuple(original, &sent) || !read_tuple(find_attribute(attributes, length, CTA_TUPLE_REPLY), &answered))
		return;
	bool ours = sent.source_port >= flows->first_port && sent.source_port <= flows->last_port;
	for (int i = 0; i < flows->count && !ours; i++)
		ours = same_flow(&flows->list[i], &sent);
	if (!ours && is_tunnel(&sent)) {
		ours = true;
		for (int i = 0; i < search->known->count && ours; i++)
			ours = !same_flow(&search->known->list[i], &sent);
	}
	if (!ours || search->count == MAX_FLOWS)
		return;

	/* What leaves this namespace is the answer turned round: the next one knows the connection as that. */
	struct flow next = {answered.destination, answered.source, answered.destination_port, answered.source_port, answered.protocol};
	bool known = false;
	for (int i = 0; i < flows->count && !known; i++)
		known = same_flow(&flows->list[i], &next);
	if (!known && flows->count < MAX_FLOWS)
		flows->list[flows->count++] = next;

	struct deletion *deletion = &search->found[search->count];
	deletion->length = 0;
	const struct nlattr *parts[] = {original, zone};
	for (int i = 0; i < 2; i++) {
		size_t size = parts[i] ? NLA_ALIGN(parts[i]->nla_len) : 0;
		if (deletion->length + size > sizeof deletion->bytes)
			return;
		memcpy(deletion->bytes + deletion->length, parts[i] ? (const void *)parts[i] : "", size);
		deletion->length += size;
	}
	search->count++;
}

struct connection_request {
	struct nlmsghdr header;
	struct nfgenmsg body;
	char attributes[256];
};

static const struct connection_request all_connections = {
	.header = {NLMSG_LENGTH(sizeof(struct nfgenmsg)), NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET, NLM_F_REQUEST | NLM_F_DUMP, 1, 0},
	.body = {.nfgen_family = AF_INET, .version = NFNETLINK_V0},
};

static void take_tunnel(const struct nlmsghdr *header, void *data)
{
	struct tunnels *out = data;
	const struct nfgenmsg *body = NLMSG_DATA(header);
	const void *attributes = (const char *)body + NLMSG_ALIGN(sizeof *body);
	struct flow sent;
	if (out->count < MAX_TUNNELS && read_tuple(find_attribute(attributes, NLMSG_PAYLOAD(header, sizeof *body), CTA_TUPLE_ORIG), &sent) && is_tunnel(&sent))
		out->list[out->count++] = sent;
}

void read_tunnels(struct tunnels *out)
{
	int fd = open_netlink(NETLINK_NETFILTER);
	out->count = 0;
	if (fd < 0)
		return;
	dump(fd, &all_connections.header, take_tunnel, out);
	close(fd);
}

int forget_connections(struct flows *flows, const struct tunnels *known)
{
	static struct search search;
	struct connection_request request = all_connections;
	int fd = open_netlink(NETLINK_NETFILTER);
	if (fd < 0)
		return 0;
	search.flows = flows;
	search.known = known;
	search.count = 0;
	dump(fd, &request.header, take_connection, &search);
	for (int i = 0; i < search.count; i++) {
		request.header.nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE;
		request.header.nlmsg_len = NLMSG_LENGTH(sizeof request.body) + search.found[i].length;
		memcpy(request.attributes, search.found[i].bytes, search.found[i].length);
		order(fd, &request.header);
	}
	close(fd);
	return search.count;
}

/* "Fragmentation needed" is remembered for ten minutes (man 8 ip-route, `flush cache`). */
void forget_path_mtu(void)
{
	int fd = open("/proc/sys/net/ipv4/route/flush", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, "-1\n", 3) < 0)
		errno = 0; /* a kernel without it remembers nothing */
	close(fd);
}
