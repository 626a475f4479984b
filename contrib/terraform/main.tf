# An instance with two ENIs, an Elastic IP on each, and eniroute from its first boot on. Write the addresses and sums of
# your packages into cloud-init/package.yaml first.
variable "ami" { type = string }
variable "subnet_id" { type = string }

resource "aws_network_interface" "eni" {
  count     = 2
  subnet_id = var.subnet_id
}

resource "aws_eip" "eni" {
  count             = 2
  domain            = "vpc"
  network_interface = aws_network_interface.eni[count.index].id
}

resource "aws_instance" "host" {
  ami           = var.ami
  instance_type = "t3.small"
  user_data     = file("${path.module}/../../cloud-init/package.yaml")

  metadata_options {
    http_tokens = "required"
  }

  dynamic "network_interface" {
    for_each = aws_network_interface.eni
    content {
      device_index         = network_interface.key
      network_interface_id = network_interface.value.id
    }
  }
}
