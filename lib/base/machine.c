/* machine.c: who hears of the steps of state machines. */
#include "lib/base/machine.h"

gmux__machine_observer *gmux__machine_observe;
