"""Makes tabletop data of its own: shapes -> arrange -> settle -> views -> pictures -> a BOP folder."""
