"""How syncd reads and writes a 1C base over ``standard.odata``.

Facts about 1C come from its developer guide (8.3.27, ch. 17.4 and 17.7) and from what public clients measured on live
bases; where the two differ, the measurement wins. One module has one subject: ``literals`` and ``filters`` build
addresses, ``client`` speaks HTTP, ``answers`` and ``atom`` read what came, ``problems`` and ``failures`` say what went
wrong and whose it is, ``reading``, ``tables`` and ``changes`` take data out, ``writing``, ``orders`` and ``target``
bring orders in, ``ping`` looks whether all this would work.
"""
