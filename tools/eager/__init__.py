"""The networks in eager PyTorch, as the public code computes them, by the names of spec.model.type."""

from eager.basicvsr import BasicVsr
from eager.basicvsr_plusplus import BasicVsrPlusPlus
from eager.frvsr import Frvsr
from eager.iiab import Iiab
from eager.lrti_vsr import LrtiVsr
from eager.psrt import Psrt

# A network takes the keys of spec.model as arguments, and has
#     forward(frames)      frames [B, T, 3, H, W], RGB in 0..1, to [B, T, 3, 4H, 4W]
#     FLOW_PREFIX          how names of the flow net's parameters begin
#     options_of(weights)  the arguments that make a network for these weights, by name
NETWORKS = {"basicvsr": BasicVsr, "basicvsr_plusplus": BasicVsrPlusPlus, "frvsr": Frvsr, "psrt": Psrt,
            "iiab": Iiab, "lrti_vsr": LrtiVsr}
