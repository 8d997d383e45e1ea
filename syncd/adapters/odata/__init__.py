"""How syncd reads and writes a 1C base over ``standard.odata``.

Facts about 1C come from its developer guide (8.3.27, ch. 17.4 and 17.7) and from what public clients measured on live
bases; where the two differ, the measurement wins. One module has one subject: ``literals`` and ``filters`` build
addresses, ``endpoint``, ``client``, ``sessions`` and ``asking`` speak HTTP, ``answers`` and ``atom`` read what came,
``problems`` and ``failures`` say what went wrong and whose it is. ``reading`` (with ``paging`` and ``following``),
``tables``, ``changes`` and ``describe`` take data out; ``markers``, ``bodies``, ``writing``, ``orders``, ``rules``,
``locks`` and ``target`` bring orders in; ``ping`` looks whether all this would work.
"""
