# A small operating system in the spirit of Richards: tasks with a common
# parent pass packets through queues; a scheduler runs whichever has work.
class Packet
  attr_accessor :value, :hops, :link

  def initialize(value)
    @value = value
    @hops = 0
    @link = nil
  end
end

class Task
  attr_reader :name, :handled

  def initialize(name)
    @name = name
    @front = nil
    @back = nil
    @handled = 0
  end

  def ready? = !@front.nil?

  def post(packet)
    packet.link = nil
    if @front.nil?
      @front = packet
    else
      @back.link = packet
    end
    @back = packet
  end

  def take
    packet = @front
    @front = packet.link
    packet
  end

  def run(system)
    packet = take
    packet.hops += 1
    @handled += 1
    handle(packet, system)
  end

  def handle(packet, system); end
end

# Makes packets as long as there are some to make.
class Source < Task
  def initialize(name, remaining)
    super(name)
    @remaining = remaining
    @seed = 1
  end

  def ready? = @remaining > 0

  def run(system)
    @remaining -= 1
    @handled += 1
    @seed = @seed * 16807 % 2147483647
    system.send_to(1 + @seed % 2, Packet.new(@seed % 1000))
  end
end

# Changes the packet and sends it on.
class Worker < Task
  def initialize(name, factor)
    super(name)
    @factor = factor
  end

  def handle(packet, system)
    packet.value = (packet.value * @factor + 7) % 1009
    system.send_to(3, packet)
  end
end

# Sends packets back for another round, or to the sink.
class Router < Task
  def handle(packet, system)
    if packet.hops < 6
      system.send_to(1 + packet.value % 2, packet)
    else
      system.send_to(4, packet)
    end
  end
end

class Sink < Task
  attr_reader :sum

  def initialize(name)
    super
    @sum = 0
  end

  def handle(packet, _system)
    @sum = (@sum * 31 + packet.value) % 1000003
  end
end

class System
  def initialize(tasks)
    @tasks = tasks
  end

  def send_to(index, packet) = @tasks[index].post(packet)

  def run
    idle = false
    until idle
      idle = true
      @tasks.each do |task|
        next unless task.ready?

        idle = false
        task.run(self)
      end
    end
  end
end

sink = Sink.new("sink")
tasks = [Source.new("source", (ARGV[0] || 150_000).to_i), Worker.new("double", 2),
         Worker.new("triple", 3), Router.new("router"), sink]
System.new(tasks).run
puts "#{tasks.sum(&:handled)} #{sink.sum}"
