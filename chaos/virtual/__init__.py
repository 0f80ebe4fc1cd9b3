"""The gateway's real code in a world that a seed decides: time, network, disk, M-Pesa, shops, clients, deaths."""
