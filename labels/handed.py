"""What the rooms above tell labels of the things that carry a code; the roof hands it down (``Call.handed``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from app.base.edges import Handed
from labels.basket import Tellers
from labels.express import StateOf
from labels.reprint import Reaches
from labels.scan import Unsafe
from labels.stickers import Wording
from labels.watching import Watch

UNSAFE: Handed[Unsafe] = Handed("unsafe")
"""Whether anyone who scans a thing's label must read «do not take»."""
REACHES: Handed[Reaches] = Handed("reaches")
"""In whose scope a thing is."""
WORDING: Handed[Wording] = Handed("wording")
"""What stands on a thing's label."""
TELLERS: Handed[Tellers] = Handed("tellers")
"""What the scan page says of a thing."""
WATCH: Handed[Watch] = Handed("watch")
"""What is done about a copied label."""
OPEN: Handed[Mapping[str, Callable[[str], str]]] = Handed("open")
"""By kind: the public page that a code leads anyone to (a donor's receipt); most kinds have none."""
STATE_OF: Handed[StateOf] = Handed("state_of")
"""What a code is on, with the whole state of that."""
