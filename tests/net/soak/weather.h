/* weather.h: what befalls the gates and the servers, drawn from the seed. */
#ifndef TESTS_NET_SOAK_WEATHER_H
#define TESTS_NET_SOAK_WEATHER_H

#include "tests/net/soak/fleet.h"

/* One change: of the faults of a gate, or of a server. */
void weather_change(fleet *f);

/* What it does to servers other than the first (fleet.c). */
void fleet_kill(fleet *f, unsigned server);
void fleet_restart(fleet *f, unsigned server);
void fleet_replace(fleet *f, unsigned server);

#endif
