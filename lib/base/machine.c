#include "lib/base/machine.h"
#include <stddef.h>

gmux__machine_observer *gmux__machine_observe;
