from exon.cli import main

main()
