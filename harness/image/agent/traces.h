/* What a probe leaves behind in the namespaces it passes, and how it is taken away again (traces.c). */
#ifndef PODWIRE_TRACES_H
#define PODWIRE_TRACES_H

#include <stdint.h>

/* Two hundred probes at once, each known by another name to a few namespaces that translate it. */
enum { MAX_NEIGHBOURS = 1024, MAX_FLOWS = 2048, MAX_TUNNELS = 512 };

struct neighbour {
	uint32_t device, address;
};

/* Neighbours that a namespace knows at one time. */
struct neighbours {
	int count;
	struct neighbour list[MAX_NEIGHBOURS];
};

/* One direction of a connection. The ports of ICMP are its id. */
struct flow {
	uint32_t source, destination;
	uint16_t source_port, destination_port;
	uint8_t protocol;
};

struct flows {
	uint16_t first_port, last_port; /* those of the probes themselves */
	int count;
	struct flow list[MAX_FLOWS]; /* the same, as NAT made others of them */
};

/* Connections of tunnels that a namespace knew before: the probes' tunnels get new ones (RFC 7348, section 5,
 * "the source port is a hash of the inner packet"). */
struct tunnels {
	int count;
	struct flow list[MAX_TUNNELS];
};

/* All of these work in the network namespace that the caller is in. */
void read_neighbours(struct neighbours *out);
void forget_new_neighbours(const struct neighbours *known);
void read_tunnels(struct tunnels *out);
/* Deletes the connections of the probes and of tunnels that are new, and adds what NAT made of them. Returns
 * how many it deleted. */
int forget_connections(struct flows *flows, const struct tunnels *known);
void forget_path_mtu(void);

#endif
