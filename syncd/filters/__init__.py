"""One filter language for every listing and every bulk action: ``state:rejected code:E142 after:-3h text:"НДС"``.

Terms stand beside each other and all must hold; values separated by commas are alternatives; a minus before a term
turns it round. What is parsed becomes parametrised SQL, and words in which it is told before anything is touched.
"""
