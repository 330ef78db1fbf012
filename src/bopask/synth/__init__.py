"""Makes tabletop data of its own: shapes -> settings -> settle -> stage -> shots and pictures -> a BOP folder."""
